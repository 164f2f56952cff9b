"""What the compiled proof reads is what Python's own libraries read, and nothing else."""

import datetime as dt
import hashlib
import json
import os
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from frikort_contracts.types import format_moment
from services.chassis.compiled import digests, jit, members, text, times
from services.chassis.compiled.copies import HEADER, NULL, Rows, read_rows, table_of, whole
from services.chassis.compiled.jit import Array, compiled, pointer_to

MANY = settings(max_examples=300, deadline=None)
FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@compiled
def read_string(data: Array) -> int:
    return text.string(pointer_to(data), 0, len(data))


@compiled
def read_number(data: Array) -> tuple[int, int]:
    return text.number(pointer_to(data), 0, len(data))


@compiled
def read_moment(data: Array, microseconds: int) -> int:
    return times.moment(pointer_to(data), 0, len(data), microseconds)


@compiled
def read_uuid(data: Array, source: Array) -> int:
    return text.uuid(pointer_to(data), 0, len(data), pointer_to(source), 0)


@compiled
def write_uuid(source: Array, data: Array) -> None:
    text.write_uuid(pointer_to(source), 0, pointer_to(data), 0)


@compiled
def read_object(data: Array, spans: Array) -> int:
    return members.flat_object(pointer_to(data), 0, len(data), pointer_to(spans))


@compiled
def hash_both(start: Array, data: Array, context: Array, long: Array, short: Array) -> None:
    here, bytes_ = pointer_to(context), pointer_to(data)
    digests.sha256(here, pointer_to(start), len(start), bytes_, 0, len(data), pointer_to(long))
    digests.sha1(here, bytes_, len(data), pointer_to(short))


def array(content: bytes) -> Array:
    return np.frombuffer(content, np.uint8).copy()


PIECES = st.one_of(
    st.text(max_size=12).map(str.encode),
    st.binary(max_size=3),
    st.sampled_from([b'"', b"\\", b"\x1f", b"\x7f", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80"]),
    st.text("abcdefgh -:.", min_size=8, max_size=20).map(str.encode),
)


@MANY
@given(st.lists(PIECES, max_size=5).map(b"".join))
@example("sørgår".encode() * 3)
@example(b"1234567\x00")
@example(b"12345678\x80")
def test_a_string_is_read_if_json_writes_it_so_and_escapes_nothing(content: bytes) -> None:
    quoted = b'"' + content + b'"'
    try:
        value = json.loads(quoted)
        written = json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, UnicodeEncodeError):
        written = b""

    end = read_string(array(content + b'"'))

    assert (end == len(content)) is (written == quoted and b"\\" not in content)


@MANY
@given(st.one_of(st.integers().map(str), st.from_regex(r"-?[0-9.eE+]{0,18}", fullmatch=True)))
def test_an_integer_is_read_if_it_is_written_in_the_one_way(written: str) -> None:
    end, value = read_number(array(written.encode()))

    digits = written.removeprefix("-")
    is_one = digits.isascii() and digits.isdigit() and str(int(written)) == written
    assert (end == len(written)) is (is_one and len(digits) <= text.DIGITS_MAX)
    if end == len(written):
        assert value == int(written)


@MANY
@given(st.datetimes(timezones=st.just(dt.UTC)))
@example(dt.datetime(1, 1, 1, tzinfo=dt.UTC))
@example(dt.datetime(1900, 3, 1, tzinfo=dt.UTC))
@example(dt.datetime(2000, 2, 29, tzinfo=dt.UTC))
@example(dt.datetime(9999, 12, 31, tzinfo=dt.UTC))
def test_a_moment_is_read_as_it_is_written_and_no_other(moment: dt.datetime) -> None:
    written = array(format_moment(moment).encode())
    microseconds = (moment - FIRST) // dt.timedelta(microseconds=1)

    assert read_moment(written, microseconds) == len(written)
    assert read_moment(written, microseconds + 1) == text.NOWHERE
    written[np.random.default_rng(microseconds % 2**32).integers(len(written))] ^= 1
    assert read_moment(written, microseconds) == text.NOWHERE


@pytest.mark.parametrize("microseconds", [NULL, 2**63 - 1, -(2**63) + 1])
def test_a_moment_that_is_none_is_not_read(microseconds: int) -> None:
    assert read_moment(array(format_moment(FIRST).encode()), microseconds) == text.NOWHERE


@MANY
@given(st.uuids(), st.integers(0, 35))
def test_a_uuid_is_read_as_it_is_written_and_no_other(value: uuid.UUID, place: int) -> None:
    source, written = array(value.bytes), np.zeros(36, np.uint8)
    write_uuid(source, written)

    assert written.tobytes() == str(value).encode()
    assert read_uuid(written, source) == len(written)
    written[place] ^= 1
    assert read_uuid(written, source) == text.NOWHERE


NAMES = st.sampled_from(["amount_ore", "card_no", "cvr", "id", "wage_id", "year", "a", "æ", ""])
VALUES = st.one_of(st.integers(-(10**16), 10**16), st.booleans(), st.none(), st.text(max_size=9))


@MANY
@given(st.dictionaries(NAMES, VALUES, max_size=6), st.sampled_from(["sorted", "as it comes"]))
def test_an_object_is_read_if_rfc_8785_writes_it_so(found: dict[str, object], order: str) -> None:
    is_sorted = order == "sorted"
    written = json.dumps(found, ensure_ascii=False, sort_keys=is_sorted, separators=(",", ":"))
    content, spans = written.encode(errors="surrogatepass"), members.new_spans()

    end = read_object(array(content), spans)

    texts = [value for value in found.values() if isinstance(value, str)]
    plain = all(json.dumps(value, ensure_ascii=False) == f'"{value}"' for value in texts)
    numbers = [value for value in found.values() if type(value) is int]
    is_read = (
        (list(found) == sorted(found) or is_sorted)
        and plain
        and None not in found.values()
        and not {"æ", ""} & found.keys()
    )
    is_read = is_read and all(abs(value) < 10**text.DIGITS_MAX for value in numbers)
    assert (end == len(content)) is is_read
    if is_read:
        start, size, kind = spans[members.AMOUNT_ORE * members.SPAN :][: members.SPAN]
        amount = found.get("amount_ore")
        said = content[start : start + size].decode() if kind else "null"
        assert said == (amount if isinstance(amount, str) else json.dumps(amount))


def test_an_object_that_names_a_value_twice_is_not_read() -> None:
    content = b'{"card_no":"1","card_no":"2"}'

    assert read_object(array(content), members.new_spans()) == text.NOWHERE


@MANY
@given(st.binary(max_size=200), st.binary(min_size=1, max_size=200))
def test_hashes_are_those_of_hashlib(start: bytes, content: bytes) -> None:
    assert digests.load()
    long, short = np.zeros(32, np.uint8), np.zeros(20, np.uint8)
    context = np.zeros(digests.CONTEXT_BYTES, np.uint8)

    hash_both(array(start), array(content), context, long, short)

    assert long.tobytes() == hashlib.sha256(start + content).digest()
    assert short.tobytes() == hashlib.sha1(content, usedforsecurity=False).digest()


def _row(*values: bytes | None) -> bytes:
    sent = [b"\xff" * 4 if v is None else len(v).to_bytes(4) + v for v in values]
    return len(values).to_bytes(2) + b"".join(sent)


def test_rows_are_found_where_postgresql_puts_them() -> None:
    numbers = [(-7).to_bytes(2, signed=True), (-(2**31)).to_bytes(4, signed=True)]
    rows = read_rows(HEADER + _row(*numbers) + _row(None, b"") + b"\xff\xff", ("a", "b"))

    assert (rows.text(0, 0), rows.text(1, 1)) == (numbers[0], b"")
    assert _wholes(rows) == [[-7, -(2**31)], [NULL, NULL]]


def _wholes(rows: Rows) -> list[list[int]]:
    found = np.zeros((2, 2), np.int64)
    _read_wholes(rows, found)
    return found.tolist()


@compiled
def _read_wholes(rows: Rows, found: Array) -> None:
    table = table_of(rows)
    for row in range(2):
        for column in range(2):
            found[row, column] = whole(table, row, column)


GOOD = HEADER + _row(b"1", b"2") + b"\xff\xff"


@pytest.mark.parametrize(
    "sent",
    [
        *(b"", HEADER, GOOD[:-2], GOOD[:-1], GOOD + b"\0", b"P" + GOOD),
        *(GOOD[:cut] + b"\xff\xff" for cut in range(len(HEADER) + 1, len(GOOD) - 2)),
        HEADER + _row(b"1") + b"\xff\xff",
        HEADER + (2).to_bytes(2) + (2**31 - 1).to_bytes(4) + b"\xff\xff",
    ],
)
def test_what_is_no_rows_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match="not 2 columns"):
        read_rows(sent, ("a", "b"))


def test_what_is_compiled_is_kept_for_these_very_modules() -> None:
    """Numba itself would not notice that a module which another calls has changed."""
    root = Path(jit.__file__).parents[3]
    folders = ("cli/compiled", "services/allowance/compiled", "services/chassis/compiled")
    modules = [path for folder in folders for path in sorted((root / folder).glob("*.py"))]
    sources = b"".join(path.read_bytes() for path in modules)

    kept = Path(jit._where_to_keep())  # noqa: SLF001

    assert kept.name == f"compiled-{hashlib.sha256(sources).hexdigest()[:16]}"
    assert os.access(kept, os.W_OK)

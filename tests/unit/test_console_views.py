"""What the console shows: a card's year in figures and as a picture, and each entry's evidence."""

import base64
import datetime as dt
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from frikort_contracts.merkle import RULES_LEAF, leaf_hash, merkle_root, signed_bytes
from services.allowance.console.card_routes import Axis
from services.allowance.console.evidence import Heads, Proof, entry_view, prove, recompute
from services.allowance.console.ledger_routes import by_topic
from services.allowance.console.packs import PackUnknown, list_packs, open_pack, to_tar
from services.allowance.console.picture import BOTTOM, LEFT, RIGHT, TOP
from services.chassis.accounts import Accounts
from services.chassis.web.reading import EVERYTHING
from tests.unit.console_cases import a_year, rows_of, shown
from tests.unit.explain_cases import caps_of_2023
from tests.unit.ledger_cases import Story, identity

MINE, THEIRS = identity("citizen"), identity("somebody else")


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in line.split())]


def test_year_answers_as_the_balance_does() -> None:
    year = shown(a_year())

    answer = year.answer
    assert (answer.limit_ore, answer.covered_ore, answer.excess_ore, answer.entries) == (
        40_000_00,
        20_000_00,
        4_000_00,
        5,
    )
    assert [(row.entry.covered_ore, row.entry.excess_ore) for row in year.wages] == [
        (0, 1_000_00),
        (18_000_00, 0),
        (2_000_00, 3_000_00),
        (4_000_00, 0),
        (-4_000_00, 0),
    ]
    assert [(change.kind, change.on) for change in year.changes] == [
        ("grant-issued", dt.date(2023, 2, 1))
    ]


def test_year_says_why_a_wage_does_not_count() -> None:
    year = shown(a_year(), as_of="2023-04-15", known_on="2023-08-31")

    assert [row.left_out for row in year.wages] == [
        (),
        (),
        (),
        ("dated-later",),
        ("known-later", "dated-later"),
    ]
    assert (year.answer.limit_ore, year.answer.remaining_ore) == (20_000_00, 0)


def test_day_that_is_asked_for_counts_whole() -> None:
    known = dt.datetime(2023, 3, 20, 22, 59, tzinfo=dt.UTC)  # 23:59 in Denmark
    story = Story()
    rows = rows_of(
        [story.issued(), story.wage("late", "2023-03-15", 100, known_at=known)], caps_of_2023()
    )

    counted = [shown(rows, known_on=day).answer.entries for day in ("2023-03-19", "2023-03-20")]

    assert counted == [0, 1]


def test_sliders_stand_where_the_question_does() -> None:
    year = shown(a_year(), as_of="2023-01-11", known_on="2023-01-01")
    everything = shown(a_year())

    assert (year.as_of_slider.first, year.as_of_slider.length) == (dt.date(2023, 1, 1), 364)
    assert (year.as_of_slider.value, everything.as_of_slider.value) == (10, 364)
    assert year.known_slider.first == dt.date(2022, 12, 28)  # when its first cap became known
    assert year.known_slider.value == 4
    assert everything.known_slider.value == everything.known_slider.length


def test_slider_that_was_moved_comes_before_its_field() -> None:
    first, field = dt.date(2023, 1, 1), dt.date(2023, 5, 5)

    asked = [
        Axis(date=field, first=first, place=10, was=10).asked,
        Axis(date=field, first=first, place=31, was=10).asked,
        Axis(date=None, first=None, place=31, was=10).asked,
    ]

    assert asked == [field, dt.date(2023, 2, 1), None]


def test_picture_steps_at_each_wage_and_the_cap_steps_in_july() -> None:
    picture = shown(a_year()).picture

    heights = {step.entry.entry_no: step.y for step in picture.steps}
    assert [step.shape for step in picture.steps] == [
        "uncovered",
        "covered",
        "partly",
        "covered",
        "reversal",
    ]
    assert heights[2] == BOTTOM
    assert heights[3] > heights[4] > heights[5]  # upwards is less
    assert heights[6] == heights[4]
    assert [cap.amount_ore for cap in picture.caps] == [20_000_00, 40_000_00]
    line = points(picture.cap)
    assert [x for x, _ in line] == [LEFT, line[1][0], line[1][0], RIGHT]
    assert heights[4] == picture.caps[0].y  # 20,000 kr are covered, and were the cap
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in points(picture.covered))


def test_picture_ends_at_the_date_and_leaves_out_what_does_not_count() -> None:
    picture = shown(a_year(), as_of="2023-03-31").picture

    assert picture.as_of_x == points(picture.covered)[-1][0]
    assert [step.counted for step in picture.steps] == [True, True, False, False, False]
    assert [step.excess_y is None for step in picture.steps] == [False, True, True, True, True]


def test_picture_of_a_cap_not_yet_known_has_none_of_it() -> None:
    before, after = (shown(a_year(), known_on=day).picture for day in ("2023-05-31", "2023-06-02"))

    assert [cap.amount_ore for cap in before.caps] == [20_000_00]
    assert [cap.amount_ore for cap in after.caps] == [20_000_00, 40_000_00]


def test_marks_of_one_place_stand_beside_each_other() -> None:
    story = Story()
    rows = rows_of(
        [story.issued("2023-06-01"), *(story.wage(n, "2023-05-01", 100) for n in "abc")],
        caps_of_2023(),
    )

    steps = shown(rows).picture.steps

    assert len({(step.x, step.y) for step in steps}) == 3


def test_year_without_wages_or_cap_is_drawn_too() -> None:
    year = shown(rows_of([Story().issued()], caps_of_2023()))

    assert (year.wages, year.picture.steps) == ((), ())
    assert year.years == (2023, 2024, 2025, 2026)


def test_entry_shows_its_hash_and_the_one_before() -> None:
    rows = a_year()

    first, third = (entry_view(rows.journal, number, explained=None, cvr=None) for number in (1, 3))

    assert first is not None
    assert third is not None
    assert (first.hash_before, third.hash_before) == ("00" * 32, rows.journal[1]["hash"].hex())
    assert (first.untouched, third.untouched) == (True, True)
    assert (third.chain.entries, third.chain.broken_at) == (6, None)
    assert entry_view(rows.journal, 7, explained=None, cvr=None) is None


def test_changed_byte_breaks_its_entry_and_the_chain_after_it() -> None:
    journal = [dict(row) for row in a_year().journal]
    journal[2]["bytes"] = journal[2]["bytes"].replace(b"1800000", b"1800001")

    views = [entry_view(journal, number, explained=None, cvr=None) for number in (2, 3, 4)]

    assert [view and view.untouched for view in views] == [True, False, True]
    assert recompute(journal).broken_at == 3


def test_dropped_entry_breaks_the_chain() -> None:
    journal = [row for row in a_year().journal if row["entry_no"] != 2]

    assert recompute(journal).broken_at == 2


def a_checkpoint(heads: Heads, key: Ed25519PrivateKey) -> dict[str, Any]:
    leaves = [leaf_hash(name, *head) for name, head in heads.citizens.items()]
    if heads.rules is not None:
        leaves.append(leaf_hash(RULES_LEAF, *heads.rules))
    unsigned = {"checkpoint_no": 1, "merkle_root": merkle_root(leaves).hex()}
    signature = base64.b64encode(key.sign(signed_bytes(unsigned))).decode()
    return {**unsigned, "signature": signature}


def a_proof(heads: Heads, later: Heads, **changed: object) -> Proof | None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    checkpoint = a_checkpoint(heads, key) | changed
    return prove(checkpoint, key.public_key().public_bytes_raw(), MINE, later)


def test_proof_leads_from_the_citizen_to_what_is_signed() -> None:
    citizens = dict(sorted({MINE: (3, b"a" * 32), THEIRS: (1, b"b" * 32)}.items()))
    heads = Heads(citizens=citizens, rules=(2, b"r" * 32))

    proof = a_proof(heads, heads)

    assert proof is not None
    assert (proof.leads_to_root, proof.signed) == (True, True)
    assert (proof.entry_no, proof.leaves, proof.index) == (3, 3, list(citizens).index(MINE))


@pytest.mark.parametrize("rewritten", [MINE, THEIRS])
def test_proof_fails_once_any_history_is_rewritten(rewritten: str) -> None:
    citizens = dict(sorted({MINE: (3, b"a" * 32), THEIRS: (1, b"b" * 32)}.items()))
    signed = Heads(citizens=citizens, rules=None)
    later = Heads(citizens={**citizens, rewritten: (3, b"c" * 32)}, rules=None)

    proof = a_proof(signed, later)

    assert proof is not None
    assert (proof.leads_to_root, proof.signed) == (False, True)


def test_proof_tells_a_forged_checkpoint() -> None:
    heads = Heads(citizens={MINE: (3, b"a" * 32)}, rules=None)

    proof = a_proof(heads, heads, checkpoint_no=2)

    assert proof is not None
    assert proof.signed is False


def test_citizen_without_entries_under_a_checkpoint_has_no_proof() -> None:
    heads = Heads(citizens={THEIRS: (1, b"b" * 32)}, rules=None)

    assert a_proof(heads, heads) is None


def test_accounts_are_summed_by_topic_and_say_where_they_do_not_add_up() -> None:
    zero = dict.fromkeys(("ignored", "duplicate", "waiting", "parked"), 0)
    lanes = [
        {"topic": "a", "partition": 0, "produced": 5, "applied": 3, **zero, "waiting": 2},
        {"topic": "a", "partition": 1, "produced": 4, "applied": 4, **zero},
        {"topic": "b", "partition": 0, "produced": 2, "applied": 1, **zero},
    ]

    topics = by_topic(Accounts(lanes=lanes, waiting=[], parked=[]))

    assert [(t["name"], t["counts"]["produced"], t["balanced"]) for t in topics] == [
        ("a", 9, True),
        ("b", 2, False),
    ]


def test_pack_is_handed_over_as_it_lies(tmp_path: Path) -> None:
    pack = tmp_path / "packs" / "2026-11"
    pack.mkdir(parents=True)
    contents = {"manifest.json": b"{}", "entries.jsonl": b"x" * 1025, "empty": b""}
    for name, content in contents.items():
        (pack / name).write_bytes(content)
    (tmp_path / "packs" / "half-made").mkdir()

    listed = list_packs(pack.parent, EVERYTHING)
    sent = b"".join(to_tar(open_pack(pack.parent, "2026-11", EVERYTHING)))

    assert [(each.name, each.files, each.size) for each in listed] == [("2026-11", 3, 1027)]
    with tarfile.open(fileobj=BytesIO(sent)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        assert {name: file and file.read() for name, file in found.items()} == {
            f"2026-11/{name}": content for name, content in contents.items()
        }


@pytest.mark.parametrize("name", ["half-made", "..", "../packs/2026-11", "nothing"])
def test_only_a_pack_is_handed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "packs" / "half-made").mkdir(parents=True)
    (tmp_path / "manifest.json").write_bytes(b"{}")

    with pytest.raises(PackUnknown):
        open_pack(tmp_path / "packs", name, EVERYTHING)
    assert list_packs(None, EVERYTHING) == []

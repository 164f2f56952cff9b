"""The same proof of the journal in bulk, on columns: it says which citizens are beyond doubt. Pure.

It never says what is wrong: whoever is not beyond doubt is gone through entry by entry by
`proof.py`, which names it. So it may doubt too much, and must never doubt too little. Each entry
is written again, from its row's columns and the little that no column repeats, and compared with
its bytes: whatever is equal is canonical and says what the columns say.

A frame holds whole citizens in order, `COLUMNS` with moments as in the bytes; texts are ASCII, or
their citizens are doubted.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from cli.proof import ACCOUNTS, CAP_SET, CHAIN_TAG, GENESIS, NAMESPACE
from cli.proof_frames import with_parts, written_again
from frikort_contracts.allowance import AnnualCapSet
from frikort_contracts.events import Event
from frikort_contracts.grants import EVENTS as GRANT_EVENTS
from frikort_contracts.payroll import EVENTS as PAYROLL_EVENTS

_SOURCES: Final[tuple[type[Event], ...]] = (*GRANT_EVENTS, *PAYROLL_EVENTS, AnnualCapSet)
_PAYLOAD_FIELDS: Final = sorted({name for kind in _SOURCES for name in kind.model_fields})
_VALUE: Final = r'(?:"[^"\\\x00-\x1f]*"|0|-?[1-9][0-9]{0,14}|true|false)'
_PAYLOAD: Final = r"^\{" + "".join(f'(?:"{n}":{_VALUE},)?' for n in _PAYLOAD_FIELDS) + "$"
"""A flat object of known fields in their order, its last brace a comma."""
_EVENT: Final = (
    r'^(?:"card_no":"[0-9]*",)?(?:"code":"[a-z-]+",)?"id":"[0-9a-f-]+","type":"[a-z-]+"'
    r'(?:,"wage_id":"[0-9a-f-]*")?(?:,"year":[1-9][0-9]*)?$'
)
_PLAIN: Final = r"^[0-9A-Za-z:.+-]*$"
_WRITTEN: Final = (
    *("citizen_id", "source_id", "source_type", "municipality_code"),
    *("recorded_at", "known_at", "sha256"),
)
UUID_LENGTH: Final = 36
_PART: Final = ("citizen_id", "year")


@dataclass(slots=True)
class Checked:
    """What was proved, and the citizens that must be gone through one entry at a time."""

    entries: int
    citizens: int
    trial_balance: Counter[str]
    by_partition: Counter[int]
    doubted: set[str]


def check(
    rows: pl.DataFrame, heads: pl.DataFrame, balances: pl.DataFrame, rules: pl.DataFrame
) -> Checked:
    """Prove a frame of whole citizens against what is kept beside their entries."""
    rows = with_parts(rows)
    conditions = (*_chain_conditions(), *_column_conditions(), *_text_conditions())
    sound = pl.all_horizontal(map(_surely, conditions))
    doubted = set(rows.filter(~sound)["citizen_id"])
    doubted |= _wrong_hashes(rows)
    doubted |= _wrong_events(rows)
    doubted |= _wrong_sums(rows)
    doubted |= _wrong_reversals(rows)
    doubted |= _wrong_sweeps(rows, rules)
    doubted |= _wrong_heads(rows, heads)
    doubted |= _wrong_balances(rows, balances)
    return _checked(rows.filter(~pl.col("citizen_id").is_in(doubted)) if doubted else rows, doubted)


def _checked(rows: pl.DataFrame, doubted: set[str]) -> Checked:
    covered_ore, excess_ore = rows["covered_ore"].sum(), rows["excess_ore"].sum()
    amounts = (-covered_ore, covered_ore, -excess_ore, excess_ore)
    return Checked(
        entries=len(rows),
        citizens=rows["citizen_id"].n_unique(),
        trial_balance=Counter(dict(zip(ACCOUNTS, amounts, strict=True))),
        by_partition=Counter(dict(rows["partition"].value_counts().iter_rows())),
        doubted=doubted,
    )


def rules_frame(rules: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Give the rules' sources as entries of a sweep repeat them; `rules` are their entries."""
    found = []
    for rule in rules:
        payload = rule.get("payload", {})
        wire = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        again = json.dumps(payload, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
        about = {"source_id": rule.get("id"), "rule_type": rule.get("type")}
        about |= {"rule_version": rule.get("version"), "rule_payload": again}
        about |= {"rule_sha256": hashlib.sha256(wire).hexdigest()}
        found.append(about | {"rule_amount_ore": payload.get("amount_ore")})
    schema = {"source_id": pl.String, "rule_type": pl.String, "rule_version": pl.Int64}
    texts = {"rule_payload": pl.String, "rule_sha256": pl.String}
    return pl.DataFrame(found, schema={**schema, **texts, "rule_amount_ore": pl.Int64})


def _surely(condition: pl.Expr) -> pl.Expr:
    """Hold what is not known for wrong."""
    return condition.fill_null(value=False)


def _chain_conditions() -> list[pl.Expr]:
    begins, entry_no = pl.col("begins"), pl.col("entry_no")
    recorded_at = pl.col("recorded_at")
    return [
        entry_no == pl.when(begins).then(1).otherwise(entry_no.shift(1) + 1),
        begins | (recorded_at >= recorded_at.shift(1)),
    ]


def _text_conditions() -> list[pl.Expr]:
    """The bytes are what is written again; every part of it can be read in one way only."""
    text, payload = pl.col("bytes"), pl.col("payload")
    events = pl.col("events")
    return [
        text == written_again(),
        text.str.len_bytes() == text.str.len_chars(),
        payload.str.contains(_PAYLOAD),
        (events == "") | (events.str.starts_with("{") & events.str.ends_with("}")),
        *(pl.col(name).str.contains(_PLAIN) for name in _WRITTEN),
    ]


def _column_conditions() -> list[pl.Expr]:
    """The columns are what the payload says, and fit each other."""
    kind, year, wage_id = pl.col("source_type"), pl.col("year"), pl.col("wage_id")
    paid_on, amount_ore = pl.col("paid_on"), pl.col("amount_ore")
    decided, sweep, wage = pl.col("covered_ore").is_not_null(), kind == CAP_SET, kind == "wage-paid"
    return [
        decided == pl.col("excess_ore").is_not_null(),
        decided | sweep | year.is_null(),
        ~(decided & sweep),
        pl.when(decided).then(_says("wage_id", wage_id)).otherwise(wage_id.is_null()),
        pl.when(pl.col("card_no").is_null())
        .then(~pl.col("payload").str.contains('"card_no":', literal=True))
        .otherwise(_says("card_no", pl.col("card_no"))),
        ~sweep | _says_number("year", year),
        ~decided | (amount_ore == pl.col("covered_ore") + pl.col("excess_ore")),
        ~(decided & wage) | _says_number("amount_ore", amount_ore),
        ~(decided & wage) | _says("paid_on", paid_on),
        ~(decided & wage) | (paid_on.str.head(4) == year.cast(pl.String)),
        ~decided
        | (pl.col("covered_ore") <= 0)
        | (pl.col("year_covered_ore") <= pl.col("limit_ore")),
        pl.col("source_version") >= 1,
    ]


def _says(name: str, value: pl.Expr) -> pl.Expr:
    """The payload has a text in a field; texts hold no quotes, so it is found nowhere else."""
    expected = pl.concat_str(pl.lit(f'"{name}":"'), value, pl.lit('",'))
    return value.str.contains(_PLAIN) & pl.col("payload").str.contains(expected, literal=True)


def _says_number(name: str, value: pl.Expr) -> pl.Expr:
    expected = pl.concat_str(pl.lit(f'"{name}":'), value, pl.lit(","))
    return pl.col("payload").str.contains(expected, literal=True)


def _wrong_hashes(rows: pl.DataFrame) -> set[str]:
    """Hash each entry behind the hash that stands before it."""
    hashes = rows["hash"].to_list()
    previous = [
        GENESIS if begins else before
        for begins, before in zip(rows["begins"], [GENESIS, *hashes][: len(hashes)], strict=True)
    ]
    contents = rows["bytes"].cast(pl.Binary).to_list()
    sha256 = hashlib.sha256
    found = [
        sha256(b"".join((CHAIN_TAG, before or b"", content or b""))).digest()
        for before, content in zip(previous, contents, strict=True)
    ]
    if found == hashes:
        return set()
    right = pl.Series([a == b for a, b in zip(found, hashes, strict=True)])
    return set(rows.filter(~right)["citizen_id"])


def _wrong_events(rows: pl.DataFrame) -> set[str]:
    """Write each event's id again: a UUIDv5 of the source, the citizen and its place."""
    events = _events(rows)
    names = pl.concat_str("source_id", pl.lit("/"), "citizen_id", pl.lit("/"), "place")
    named = events.select(names.cast(pl.Binary)).to_series().to_list()
    space, sha1 = NAMESPACE.bytes, hashlib.sha1
    digests = [sha1(space + (name or b"")).digest() for name in named]
    hexed = pl.Series("digest", digests, dtype=pl.Binary).bin.encode("hex")
    digest = pl.col("digest").str
    variant = digest.slice(16, 1).replace_strict(_VARIANTS, return_dtype=pl.String)
    again = pl.concat_str(
        digest.slice(0, 8),
        pl.lit("-"),
        digest.slice(8, 4),
        pl.lit("-5"),
        digest.slice(13, 3),
        pl.lit("-"),
        variant,
        digest.slice(17, 3),
        pl.lit("-"),
        digest.slice(20, 12),
    )
    piece = pl.col("piece")
    id_from = piece.str.find('"id":"', literal=True).cast(pl.Int64) + len('"id":"')
    own_id = piece.str.slice(id_from, UUID_LENGTH + 1)
    right = piece.str.contains(_EVENT) & (own_id == pl.concat_str(again, pl.lit('"')))
    wrong = events.with_columns(hexed).filter(~_surely(right))
    return set(wrong["citizen_id"])


_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    """Give each event of each entry a row: its place and its text without braces."""
    events = pl.col("events").str
    inner = events.slice(1, (events.len_bytes().cast(pl.Int64) - 2).clip(0))
    return (
        rows.lazy()
        .select("row", "citizen_id", "source_id", "events")
        .filter(pl.col("events") != "")
        .with_columns(piece=inner.str.split("},{"))
        .with_columns(place=pl.int_ranges(0, pl.col("piece").list.len()))
        .explode("piece", "place")
        .collect()
    )


def _wrong_sums(rows: pl.DataFrame) -> set[str]:
    """Fold the years, and each topic's versions."""
    covered_ore, excess_ore = pl.col("covered_ore"), pl.col("excess_ore")
    of_years = rows.filter(pl.col("year").is_not_null()).with_columns(
        covered_sum=covered_ore.fill_null(0).cum_sum().over(_PART),
        excess_sum=excess_ore.fill_null(0).cum_sum().over(_PART),
    )
    right = (pl.col("covered_sum") == pl.col("year_covered_ore")) & (
        pl.col("excess_sum") == pl.col("year_excess_ore")
    )
    doubted = set(of_years.filter(~_surely(right))["citizen_id"])
    version = pl.col("source_version")
    before = version.shift(1).over("citizen_id", "source_topic").fill_null(0)
    of_topics = rows.filter(pl.col("source_type") != CAP_SET)
    return doubted | set(of_topics.filter(~(version > before))["citizen_id"])


def _wrong_reversals(rows: pl.DataFrame) -> set[str]:
    """Compare each reversal with its wage: once, later, the opposite, in its year."""
    wages, reversals = _wages(rows), _reversals(rows)
    key = ["citizen_id", "wage_id"]
    doubted = set(wages.filter(wages.select(key).is_duplicated())["citizen_id"])
    doubted |= set(reversals.filter(reversals.select(key).is_duplicated())["citizen_id"])
    paired = reversals.join(wages, on=key, how="left", suffix="_paid")
    right = pl.all_horizontal(
        pl.col("entry_no") > pl.col("entry_no_paid"),
        pl.col("covered_ore") == -pl.col("covered_ore_paid"),
        pl.col("excess_ore") == -pl.col("excess_ore_paid"),
        pl.col("year") == pl.col("year_paid"),
        pl.col("paid_on") == pl.col("paid_on_paid"),
    )
    return doubted | set(paired.filter(~_surely(right))["citizen_id"])


def _wages(rows: pl.DataFrame) -> pl.DataFrame:
    decided = pl.col("covered_ore").is_not_null()
    return rows.filter(decided & (pl.col("source_type") == "wage-paid")).select(_OF_WAGES)


def _reversals(rows: pl.DataFrame) -> pl.DataFrame:
    decided = pl.col("covered_ore").is_not_null()
    return rows.filter(decided & (pl.col("source_type") != "wage-paid")).select(_OF_WAGES)


_OF_WAGES: Final = (
    *("citizen_id", "wage_id", "entry_no", "year", "paid_on"),
    *("covered_ore", "excess_ore", "reason"),
)


def _over_cap(rows: pl.DataFrame) -> pl.DataFrame:
    """Give what each decision adds to its year's excess over the cap; a reversal takes it back."""
    wages = _wages(rows).with_columns(
        over_cap_ore=pl.when(pl.col("reason") == "over-cap").then("excess_ore").otherwise(0)
    )
    originals = wages.select("citizen_id", "wage_id", over_cap_ore=-pl.col("over_cap_ore"))
    taken_back = _reversals(rows).join(originals, on=["citizen_id", "wage_id"], how="left")
    return pl.concat([wages, taken_back.select(wages.columns)])


def _wrong_sweeps(rows: pl.DataFrame, rules: pl.DataFrame) -> set[str]:
    """Compare the entries that bring a changed cap with their rule and what they turned (R22)."""
    sweeps = rows.filter(pl.col("source_type") == CAP_SET)
    if sweeps.is_empty():
        return set()
    doubted = set(
        sweeps.filter(sweeps.select("citizen_id", "source_id").is_duplicated())["citizen_id"]
    )
    kinds = _events(sweeps).with_columns(kind=pl.col("piece").str.extract('"type":"([a-z-]+)"'))
    kinds = kinds.group_by("row", maintain_order=True).agg(turned=pl.col("kind").str.join(" "))
    over = _over_cap(rows).select(*_PART, of="entry_no", over_cap_ore="over_cap_ore")
    before = (
        sweeps.select("row", *_PART, "entry_no")
        .join(over, on=_PART, how="left")
        .group_by("row")
        .agg(
            over_cap_ore=pl.col("over_cap_ore").filter(pl.col("of") < pl.col("entry_no")).sum(),
            opened=(pl.col("of") < pl.col("entry_no")).any(),
        )
    )
    sweeps = sweeps.join(kinds, on="row", how="left").join(before, on="row", how="left")
    sweeps = sweeps.join(rules, on="source_id", how="left")
    turned, raised = pl.col("turned").fill_null(""), pl.col("over_cap_ore") != 0
    restored = turned.str.starts_with("allowance-restored")
    room = pl.col("year_covered_ore") < pl.col("rule_amount_ore")
    expected = pl.concat_str(
        pl.when(restored & room).then(pl.lit("allowance-restored")),
        pl.when(raised).then(pl.lit("attention-raised")),
        separator=" ",
        ignore_nulls=True,
    )
    right = pl.all_horizontal(
        pl.col("source_type") == pl.col("rule_type"),
        pl.col("source_version") == pl.col("rule_version"),
        pl.concat_str(pl.col("payload").str.head(-1), pl.lit("}")) == pl.col("rule_payload"),
        pl.col("sha256") == pl.col("rule_sha256"),
        pl.col("limit_ore") == pl.col("rule_amount_ore"),
        pl.col("opened"),
        turned == expected,
    )
    return doubted | set(sweeps.filter(~_surely(right))["citizen_id"])


def _wrong_heads(rows: pl.DataFrame, heads: pl.DataFrame) -> set[str]:
    """Compare where each chain ends with what is kept of it."""
    last = rows.group_by("citizen_id").agg(pl.col("entry_no").last(), pl.col("hash").last())
    both = last.join(heads, on="citizen_id", how="full", coalesce=True, suffix="_kept")
    right = (pl.col("entry_no") == pl.col("entry_no_kept")) & (pl.col("hash") == pl.col("head"))
    return set(both.filter(~_surely(right))["citizen_id"])


def fold_balances(rows: pl.DataFrame) -> pl.DataFrame:
    """Fold each citizen's years from the columns alone: covered, excess and how many entries."""
    return (
        rows.lazy()
        .filter(pl.col("covered_ore").is_not_null())
        .group_by(_PART)
        .agg(pl.col("covered_ore").sum(), pl.col("excess_ore").sum(), entries=pl.len())
        .collect()
    )


def _wrong_balances(rows: pl.DataFrame, balances: pl.DataFrame) -> set[str]:
    """Compare each year's fold with the balance that is kept."""
    over = _over_cap(rows).group_by(_PART).agg(pl.col("over_cap_ore").sum())
    standing = _wages(rows).filter(pl.col("covered_ore") > 0)
    standing = standing.join(_reversals(rows), on=["citizen_id", "wage_id"], how="anti")
    reach = standing.group_by(_PART).agg(covered_to=pl.col("paid_on").max())
    folded = fold_balances(rows).join(over, on=_PART, how="left").join(reach, on=_PART, how="left")
    both = folded.join(balances, on=_PART, how="full", coalesce=True, suffix="_kept")
    names = ("covered_ore", "excess_ore", "entries", "over_cap_ore")
    right = pl.all_horizontal(
        *(pl.col(name) == pl.col(f"{name}_kept") for name in names),
        pl.col("covered_to").eq_missing(pl.col("covered_to_kept")),
    )
    return set(both.filter(~_surely(right))["citizen_id"])

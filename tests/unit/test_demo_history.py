"""The demo's history, judged by a naive reading of its files."""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.history import KINDS, SEED, main, write_history
from deploy.demo.published import PUBLISHED, SECTORS, PublishedFigure
from tests.unit.file_rules import broken_rules
from tests.unit.naive_municipality import Municipality, Rows, date, moment, read_files

OTHER_SEEDS = (1, 2)
MAY_2023 = dt.date(2023, 5, 31)
Row = dict[str, str]


@pytest.fixture(scope="module", name="rows")
def _rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    folder = tmp_path_factory.mktemp("history")
    write_history(folder)
    return read_files(folder)


@pytest.fixture(scope="module", name="municipality")
def _municipality(rows: Rows) -> Municipality:
    return Municipality(rows)


def derived(municipality: Municipality, figure: PublishedFigure) -> int:
    """Ask the naive model what `frikort status` is asked."""
    given = dict(zip(figure.arguments[::2], figure.arguments[1::2], strict=True))
    value: Any = municipality.status(
        dt.date.fromisoformat(given.pop("--on")),
        municipality=given.pop("--municipality"),
        consultant=given.pop("--consultant", None),
        since=dt.date.fromisoformat(given.pop("--since", "0001-01-01")),
    )
    assert not given
    for name in figure.field:
        value = value[name]
    assert isinstance(value, int)
    return value


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    counts = write_history(tmp_path / "one"), write_history(tmp_path / "two", seed=SEED)

    assert counts[0] == counts[1]
    for kind in KINDS:
        one, two = ((tmp_path / name / f"{kind}.csv").read_bytes() for name in ("one", "two"))
        assert one == two, kind


def test_another_seed_gives_another_history(tmp_path: Path) -> None:
    write_history(tmp_path / "one")
    write_history(tmp_path / "two", seed=1)

    for kind in KINDS:
        one, two = ((tmp_path / name / f"{kind}.csv").read_bytes() for name in ("one", "two"))
        assert one != two, kind


def test_the_command_prints_how_many_rows_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0

    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = read_files(tmp_path)
    assert printed == [[kind, str(len(rows[kind])), "rows"] for kind in KINDS]


@pytest.mark.parametrize("figure", PUBLISHED, ids=lambda figure: " ".join(figure.field))
def test_the_files_give_the_published_figure(
    municipality: Municipality, figure: PublishedFigure
) -> None:
    assert derived(municipality, figure) == figure.value


@pytest.mark.parametrize("seed", OTHER_SEEDS)
def test_any_seed_gives_the_published_figures_and_good_rows(tmp_path: Path, seed: int) -> None:
    write_history(tmp_path, seed=seed)
    rows = read_files(tmp_path)
    municipality = Municipality(rows)

    assert [derived(municipality, figure) for figure in PUBLISHED] == [
        figure.value for figure in PUBLISHED
    ]
    assert broken_rules(rows) == []


def test_every_row_keeps_the_rules(rows: Rows) -> None:
    assert broken_rules(rows) == []


def test_the_consultant_finds_work_in_every_sector(rows: Rows) -> None:
    led = [row for row in rows["employments"] if row["consultant"]]
    per_card = Counter(row["card_no"] for row in led)

    assert {row["consultant"] for row in led} == {"k-07"}
    assert {row["sector"] for row in led} == set(SECTORS)
    assert sum(count > 1 for count in per_card.values()) >= 10


def test_every_used_card_has_an_employment(rows: Rows) -> None:
    assert {row["card_no"] for row in rows["wages"]} < {
        row["card_no"] for row in rows["employments"]
    }


def test_the_history_holds_what_happens_in_life(rows: Rows, municipality: Municipality) -> None:
    wages = municipality.wages.values()
    reasons = Counter(wage.reason for wage in wages)
    split = [wage for wage in wages if wage.covered and wage.excess]
    exhausted_before = {
        card_no
        for year in range(2019, 2023)
        for card_no, covered in municipality.covered(year, MAY_2023).items()
        if covered == 20_000_00
    }
    changes = Counter(row["change"] for row in rows["grant-changes"])
    methods = Counter(row["payment_method"] for row in rows["wages"])
    late = [row for row in rows["wages"] if _days_late(row) > 20]
    jobs = {row["employment_ref"]: row for row in rows["employments"]}
    early = [row for row in rows["wages"] if _learned(row) < _learned(jobs[row["employment_ref"]])]
    ends = {ref: date(row["ends_on"]) for ref, row in jobs.items() if row["ends_on"]}
    after_end = [
        row
        for row in rows["wages"]
        if date(row["paid_on"]) > ends.get(row["employment_ref"], MAY_2023)
    ]

    assert 6_000 <= len(wages) <= 9_000
    assert reasons["before-grant"] >= 3
    assert reasons["grant-inactive"] >= 8
    assert len(split) >= 5
    assert len(exhausted_before) >= 5
    assert changes["reactivated"] == 7
    assert min(methods[method] for method in ("cash", "mobilepay", "bank", "")) >= 50
    assert len(late) >= 30
    assert early
    assert after_end
    assert len(rows["wage-reversals"]) >= 40


def _learned(row: Row) -> dt.datetime:
    return moment(row["registered_at"])


def _days_late(row: Row) -> int:
    return (dt.date.fromisoformat(row["registered_at"][:10]) - date(row["paid_on"])).days


def test_sixteen_are_exhausted_only_because_a_reversal_restores(rows: Rows) -> None:
    without = Municipality({**rows, "wage-reversals": []})

    assert without.status(MAY_2023)["exhausted"] == 17
    assert without.status(MAY_2023)["in_use"] == 141


def test_some_exhausted_cards_hit_the_cap_exactly(municipality: Municipality) -> None:
    exhausted = {
        card_no
        for card_no, covered in municipality.covered(2023, MAY_2023).items()
        if covered == 20_000_00
    }
    over = {
        wage.card_no
        for wage in municipality.wages.values()
        if wage.excess and wage.paid_on.year == 2023 and wage.reason == "over-cap"
    }

    assert len(exhausted - over) == 9
    assert len(exhausted & over) == 7


def test_a_reversed_wage_with_a_wrong_amount_is_replaced_under_a_new_reference(
    rows: Rows,
) -> None:
    wages = {row["wage_ref"]: row for row in rows["wages"]}
    reversed_refs = {row["wage_ref"] for row in rows["wage-reversals"]}
    for row in rows["wage-reversals"]:
        if "ny registrering" not in row["reason"]:
            continue
        wrong = wages[row["wage_ref"]]
        replacements = [
            ref
            for ref, wage in wages.items()
            if ref not in reversed_refs
            and wage["employment_ref"] == wrong["employment_ref"]
            and wage["paid_on"] == wrong["paid_on"]
            and wage["registered_at"] > row["registered_at"]
        ]
        assert replacements, row


def test_the_files_show_the_notations_that_an_import_reads(tmp_path: Path) -> None:
    write_history(tmp_path)
    raw = {kind: (tmp_path / f"{kind}.csv").read_bytes() for kind in KINDS}

    assert raw["grants"].startswith(b"\xef\xbb\xbfcpr;")
    with pytest.raises(UnicodeDecodeError):
        raw["employments"].decode()
    assert "Ø".encode("cp1252") in raw["employments"]
    assert b'"1.' in raw["wages"]
    assert b',"' in raw["wages"]


def _alter(kind: str, column: str, value: str, *, at: int = -1) -> Callable[[Rows], None]:
    def alter(rows: Rows) -> None:
        rows[kind][at][column] = value

    return alter


def _twice(kind: str) -> Callable[[Rows], None]:
    def alter(rows: Rows) -> None:
        rows[kind].append(dict(rows[kind][-1]))

    return alter


def _swap(kind: str) -> Callable[[Rows], None]:
    def alter(rows: Rows) -> None:
        rows[kind].reverse()

    return alter


def _same_citizen(rows: Rows) -> None:
    rows["grants"][-1]["cpr"] = rows["grants"][0]["cpr"]


@pytest.mark.parametrize(
    ("alter", "rule"),
    [
        (_alter("employments", "cvr", "99000123"), "CVR check digit"),
        (_alter("employments", "card_no", "00000"), "a known card"),
        (_alter("employments", "starts_on", "01-06-2023"), "starts within the history"),
        (_alter("employments", "ends_on", "01-01-2019"), "ends after it starts"),
        (_alter("grants", "card_no", "123"), "card number of five digits"),
        (_alter("grants", "cpr", "6101204123"), "18 or older"),
        (_alter("grants", "age_group", "under-30", at=0), "in the age group"),
        (_alter("grants", "decided_on", "01-06-2023"), "decided before valid"),
        (_alter("grants", "registered_at", "01-06-2023"), "nothing learned after the last day"),
        (_same_citizen, "one card per CPR"),
        (_alter("grant-changes", "effective_on", "2019-01-02"), "effective on or after"),
        (_alter("grant-changes", "change", "reactivated", at=200), "changes what it can change"),
        (_alter("wages", "paid_on", "2023-06-01"), "paid before learned"),
        (_alter("wages", "holiday_pay_kr", "19.999"), "parts within the amount"),
        (_alter("wages", "payment_method", "check"), "a payment method"),
        (_alter("wages", "employment_ref", "A-00001"), "a known employment of the card and firm"),
        (_alter("wages", "registered_at", "2023-05-31T23:59:00+01:00"), "after the last day"),
        (_alter("wage-reversals", "wage_ref", "nothing"), "a known wage"),
        (_alter("wage-reversals", "reversed_on", "2019-01-02"), "reversed after it was paid"),
        (_alter("contacts", "phone", "20123456"), "a number that nobody has"),
        (_swap("wages"), "rows in the order of registered_at"),
        (_swap("wage-reversals"), "rows in the order of registered_at"),
        (_twice("wages"), "key used twice"),
        (_twice("wage-reversals"), "key used twice"),
        (_twice("grant-changes"), "key used twice"),
    ],
)
def test_an_altered_row_is_found(rows: Rows, alter: Callable[[Rows], None], rule: str) -> None:
    altered = {kind: [dict(row) for row in rows[kind]] for kind in rows}
    alter(altered)

    assert any(rule in broken for broken in broken_rules(altered))


def _drop_reviews_of_one(rows: Rows) -> None:
    reviewed = next(row for row in rows["grant-changes"] if row["change"] == "reviewed")
    rows["grant-changes"].remove(reviewed)


def _pay_a_krone_less_when_exhausted(rows: Rows) -> None:
    covered = Municipality(rows).covered(2023, MAY_2023)
    card_no = next(card_no for card_no, sum_ore in covered.items() if sum_ore == 20_000_00)
    of_year = [
        row
        for row in rows["wages"]
        if row["card_no"] == card_no and date(row["paid_on"]).year == 2023
    ]
    for row in of_year[1:]:
        row["amount_kr"] = "1"


def _drop_wages_of_one_in_use(rows: Rows) -> None:
    card_no = rows["wages"][-1]["card_no"]
    rows["wages"] = [row for row in rows["wages"] if row["card_no"] != card_no]
    left = {row["wage_ref"] for row in rows["wages"]}
    rows["wage-reversals"] = [row for row in rows["wage-reversals"] if row["wage_ref"] in left]


def _consultant_found_one_less(rows: Rows) -> None:
    next(row for row in rows["employments"] if row["consultant"])["consultant"] = ""


def _one_card_less(rows: Rows) -> None:
    used = {row["card_no"] for kind in ("grant-changes", "employments") for row in rows[kind]}
    rows["grants"].remove(next(row for row in rows["grants"] if row["card_no"] not in used))


@pytest.mark.parametrize(
    ("alter", "field"),
    [
        (_drop_reviews_of_one, "reviewed"),
        (_pay_a_krone_less_when_exhausted, "exhausted"),
        (_drop_wages_of_one_in_use, "in_use"),
        (_consultant_found_one_less, "employments"),
        (_one_card_less, "granted"),
    ],
)
def test_an_altered_history_gives_other_figures(
    rows: Rows, alter: Callable[[Rows], None], field: str
) -> None:
    altered = {kind: [dict(row) for row in rows[kind]] for kind in rows}
    alter(altered)
    municipality = Municipality(altered)

    missed = [figure.field for figure in PUBLISHED if derived(municipality, figure) != figure.value]
    assert any(field in path for path in missed)


def test_published_figures_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PUBLISHED[0].value = 1  # type: ignore[misc]

"""`frikort import --wait`: until the services that need the rows have read them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from frikort_contracts.imports import Position, PositionProgress
from tests.unit.cli_fake_service import Bench, open_bench, report, wages


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield from open_bench(tmp_path)


def settle(**by_line: PositionProgress) -> Callable[[Position, int], PositionProgress]:
    def progress(position: Position, _times: int) -> PositionProgress:
        known = by_line.get(position.citizen_id.removeprefix("wages/"))
        state = known or PositionProgress(position=position, state="applied")
        return state.model_copy(update={"position": position})

    return progress


def state_of(state: str, code: str | None = None) -> PositionProgress:
    return PositionProgress.model_validate(
        {
            "position": Position(service="fake", citizen_id="", version=1),
            "state": state,
            "code": code,
            "dead_letter_id": "17" if state == "parked" else None,
        }
    )


@pytest.mark.parametrize(("state", "code"), [("pending", None), ("waiting", "grants-behind")])
def test_wait_asks_again_only_about_what_may_still_be_applied(
    bench: Bench, state: str, code: str | None
) -> None:
    def progress(position: Position, times: int) -> PositionProgress:
        if position.citizen_id == "wages/W1" and times <= 3:
            return state_of(state, code).model_copy(update={"position": position})
        return PositionProgress(position=position, state="applied")

    bench.fake.progress = progress

    result = bench.import_text(wages(3), "--wait", "--json")

    assert result.exit_code == 0
    assert report(result)["waiting"] == []
    assert bench.fake.asked == {"wages/W0": 1, "wages/W1": 4, "wages/W2": 1}


def test_wait_asks_every_service_that_needs_the_rows(bench: Bench) -> None:
    header = "cpr;card_no;municipality_code;valid_from;decided_on;benefit;age_group\n"
    row = "6101801234;00042;751;2019-01-01;2019-01-01;kontanthjaelp;30-plus\n"

    result = bench.import_text(header + row, "--wait", kind="grants")

    assert result.exit_code == 0
    assert bench.fake.asked == {"grants/00042": 3}
    assert "all applied" in result.stdout


def test_wait_asks_about_every_row_whatever_the_size_of_a_page(bench: Bench) -> None:
    result = bench.import_text(wages(101), "--wait")

    assert result.exit_code == 0
    assert len(bench.fake.asked) == 101


def test_outcomes_that_do_not_add_up_are_no_answer(bench: Bench) -> None:
    call = "GET /v1/imports/import-1/outcomes"
    bench.fake.answers[call] = (200, {"outcomes": [], "next_after": None})

    result = bench.import_text(wages(3), "--wait", "--json")

    assert result.exit_code == 1
    assert report(result)["appended"] == 3
    assert "took 3 rows" in result.stderr


def test_wait_names_what_is_parked_and_fails(bench: Bench) -> None:
    bench.fake.progress = settle(W1=state_of("parked", "payload-unreadable"))

    result = bench.import_text(wages(3), "--wait", "--json")

    assert result.exit_code == 1
    assert report(result)["waiting"] == [
        {
            "line": 3,
            "service": "allowance",
            "state": "parked",
            "code": "payload-unreadable",
            "dead_letter_id": "17",
        }
    ]


def test_wage_that_waits_for_its_cap_is_named_but_is_no_failure(bench: Bench) -> None:
    bench.fake.progress = settle(W1=state_of("waiting", "cap-unknown"))

    result = bench.import_text(wages(3), "--wait")

    assert result.exit_code == 0
    assert "wages.csv:3: waits at allowance [cap-unknown]" in result.stdout
    assert "1 not applied" in result.stdout


@pytest.mark.parametrize("late", [state_of("pending"), state_of("waiting", "grants-behind")])
def test_wait_ends_and_names_what_is_not_applied_in_time(
    bench: Bench, late: PositionProgress
) -> None:
    bench.fake.progress = settle(W1=late)

    result = bench.import_text(wages(3), "--wait", "--json", settings={"FRIKORT_WAIT_S": "0.2"})

    assert result.exit_code == 1
    assert [each["line"] for each in report(result)["waiting"]] == [3]


def test_reader_that_is_away_does_not_hide_what_was_taken(bench: Bench) -> None:
    gone = {"FRIKORT_ALLOWANCE_URL": "http://127.0.0.1:9", "FRIKORT_RETRY_S": "0.2"}

    result = bench.import_text(wages(3), "--wait", "--json", settings=gone)

    assert result.exit_code == 3
    assert report(result)["appended"] == 3
    assert len(bench.fake.taken) == 3

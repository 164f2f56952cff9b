"""The demo's whole history through the command, every service killed in the middle of it."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from cli.import_report import ImportReport
from deploy.demo.history import KINDS, write_history
from deploy.demo.published import PUBLISHED
from deploy.local.settings import SERVICES
from deploy.local.stack import GATEWAY, Stack
from tests.e2e import expected
from tests.e2e.command import Frikort
from tests.e2e.faults import kill_in_the_middle
from tests.integration.servers import wait_for
from tests.unit.naive_municipality import CAP_ORE, Municipality, read_files

pytestmark = pytest.mark.slow

IN_ORDER = ("contacts", *(kind for kind in KINDS if kind != "contacts"))
"""As `frikort demo` imports them."""
TEXTS_S = 60.0
Row = tuple[Any, ...]


class Observer:
    """Looks into the services' databases, to read only."""

    def __init__(self, stack: Stack) -> None:
        with ExitStack() as opening:
            self._connections = {
                name: opening.enter_context(
                    psycopg.connect(
                        stack.database_url(name, "auditor" if name == "allowance" else "owner"),
                        autocommit=True,
                        options="-c default_transaction_read_only=on",
                    )
                )
                for name in SERVICES
            }
            self._opened = opening.pop_all()

    def close(self) -> None:
        """Close the connections."""
        self._opened.close()

    def rows(self, service: str, query: str) -> list[Row]:
        """Ask a service's database."""
        return self._connections[service].execute(query.encode()).fetchall()

    def count(self, service: str, query: str) -> int:
        """Ask a service's database for a number."""
        number: int = self.rows(service, query)[0][0]
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The history after it was moved in: its files, their naive reading, and the reports."""

    folder: Path
    naive: Municipality
    reports: dict[str, ImportReport]
    killed: list[str]


@pytest.fixture(scope="module")
def observer(stack: Stack) -> Iterator[Observer]:
    looking = Observer(stack)
    yield looking
    looking.close()


@pytest.fixture(scope="module")
def moved(
    stack: Stack, frikort: Frikort, observer: Observer, tmp_path_factory: pytest.TempPathFactory
) -> Moved:
    """The history, moved in while every service was killed once."""
    folder = tmp_path_factory.mktemp("history")
    write_history(folder)
    faults = {"grants": _kill_grants, "wages": _kill_the_others}
    reports, killed = dict[str, ImportReport](), list[str]()
    for kind in IN_ORDER:
        importing = frikort.start("import", kind, str(folder / f"{kind}.csv"), "--wait", "--json")
        try:
            if kind in faults:
                killed += faults[kind](stack, observer, importing.has_ended)
        finally:
            said = importing.said()
        reports[kind] = said.report()
    return Moved(
        folder=folder, naive=Municipality(read_files(folder)), reports=reports, killed=killed
    )


def _kill_grants(stack: Stack, observer: Observer, has_ended: Callable[[], bool]) -> list[str]:
    def is_appending() -> bool:
        return observer.count("grants", APPENDING) > 0

    kill_in_the_middle(
        stack, "grants", begun=is_appending, ended=lambda: has_ended() or not is_appending()
    )
    return ["grants"]


def _kill_the_others(stack: Stack, observer: Observer, has_ended: Callable[[], bool]) -> list[str]:
    def is_appending() -> bool:
        return observer.count("payroll", APPENDING) > 0

    entered = observer.count("allowance", WAGES_ENTERED)
    texted = observer.count("notifications", TEXTS_OF_WAGES)
    kill_in_the_middle(
        stack,
        "payroll",
        begun=lambda: observer.count("payroll", APPENDED) >= 1000,
        ended=lambda: has_ended() or not is_appending(),
    )
    kill_in_the_middle(
        stack,
        "notifications",
        begun=lambda: observer.count("notifications", TEXTS_OF_WAGES) > texted,
        ended=has_ended,
    )
    kill_in_the_middle(
        stack,
        "allowance",
        begun=lambda: observer.count("allowance", WAGES_ENTERED) >= entered + 3000,
        ended=has_ended,
    )
    return ["payroll", "notifications", "allowance"]


APPENDING = "SELECT count(*) FROM imports WHERE state = 'appending'"
APPENDED = "SELECT coalesce(sum(appended), 0)::INT FROM imports WHERE state = 'appending'"
WAGES_ENTERED = "SELECT count(*) FROM journal WHERE source_type = 'wage-paid'"
TEXTS_OF_WAGES = "SELECT count(*) FROM texts WHERE template <> 'card-issued'"
TEXTS_UNDER_WAY = """
    SELECT count(*)
    FROM texts
    WHERE state IN ('submitting', 'submitted')
       OR (state = 'requested' AND card_no IN (SELECT card_no FROM contacts))
"""
TEXTS = "SELECT notification_id, card_no FROM texts"
HEADS = "SELECT citizen_id, entry_no, head FROM citizens ORDER BY citizen_id"
SUMS = """
    SELECT
      cards.card_no,
      journal.year,
      sum(covered_ore)::BIGINT,
      sum(excess_ore)::BIGINT,
      count(*)
    FROM journal
    JOIN cards USING (citizen_id)
    WHERE journal.year IS NOT NULL
    GROUP BY cards.card_no, journal.year
"""


def test_every_import_is_whole_though_every_service_was_killed(moved: Moved) -> None:
    taken = {kind: (report.rows, report.appended) for kind, report in moved.reports.items()}

    assert sorted(moved.killed) == sorted(SERVICES)
    assert taken == {kind: (len(rows), len(rows)) for kind, rows in moved.naive.rows.items()}
    assert all(report.waiting == () for report in moved.reports.values())


def test_the_published_figures_come_out_of_the_events(frikort: Frikort, moved: Moved) -> None:
    del moved
    asked = {
        arguments: frikort.start("status", *arguments, "--json")
        for arguments in dict.fromkeys(figure.arguments for figure in PUBLISHED)
    }
    answers = {arguments: running.said().json() for arguments, running in asked.items()}

    derived = {}
    for figure in PUBLISHED:
        value = answers[figure.arguments]
        for name in figure.field:
            value = value[name]
        derived[figure.arguments, figure.field] = value

    assert derived == {(figure.arguments, figure.field): figure.value for figure in PUBLISHED}


def test_every_balance_is_the_naive_models_to_the_oere(frikort: Frikort, moved: Moved) -> None:
    due = expected.sums(moved.naive)
    cards_of = {year: sorted(card for card, paid in due if paid == year) for year in expected.YEARS}
    asked = [
        frikort.start("balance", *cards, "--year", str(year), "--json")
        for year, cards in cards_of.items()
    ]

    balances = [balance for running in asked for balance in running.said().json()]

    assert balances == [
        {
            "card_no": card_no,
            "year": year,
            "limit_ore": CAP_ORE,
            **dataclasses.asdict(due[card_no, year]),
            "remaining_ore": CAP_ORE - due[card_no, year].covered_ore,
            "exhausted": due[card_no, year].covered_ore == CAP_ORE,
            "waiting": 0,
        }
        for year, cards in cards_of.items()
        for card_no in cards
    ]


def test_the_journal_adds_up_to_the_same_sums(observer: Observer, moved: Moved) -> None:
    history = moved.naive.grants.keys()
    found = {
        (card_no, year): expected.Sums(*figures)
        for card_no, year, *figures in observer.rows("allowance", SUMS)
        if card_no in history
    }

    assert found == expected.sums(moved.naive)


def test_the_ledger_is_verified(frikort: Frikort, observer: Observer, moved: Moved) -> None:
    del moved

    proof = frikort("ledger", "verify", "--json").json()

    assert (proof["verified"], proof["faults"]) == (True, [])
    assert proof["entries"] == observer.count("allowance", "SELECT count(*) FROM journal")
    assert sum(proof["trial_balance_ore"].values()) == 0


def test_every_fact_is_texted_once_or_visibly_not(
    stack: Stack, observer: Observer, moved: Moved
) -> None:
    wait_for(
        lambda: observer.count("notifications", TEXTS_UNDER_WAY) == 0,
        what="every text to be settled",
        timeout_s=TEXTS_S,
    )
    numbers = expected.numbers(moved.naive)
    card_of = {
        str(notification_id): card_no
        for notification_id, card_no in observer.rows("notifications", TEXTS)
        if card_no in moved.naive.grants
    }
    due = {each: numbers[card_no] for each, card_no in card_of.items() if card_no in numbers}

    sent = [(text["userref"], text["msisdn"]) for text in _texts(stack)]

    assert Counter(card_of.values()) == expected.facts(moved.naive)
    assert max(Counter(userref for userref, _ in sent).values()) == 1
    assert {(each, number) for each, number in sent if each in card_of} <= due.items()
    # What was in flight when its service was killed may have gone out or not; it says so.
    unsent = due.keys() - dict(sent).keys()
    assert {_outcome(stack, each, card_of[each]) for each in unsent} <= {
        ("failed", "outcome-unknown")
    }


def test_the_same_files_again_change_nothing(
    stack: Stack, frikort: Frikort, observer: Observer, moved: Moved
) -> None:
    before = observer.rows("allowance", HEADS), len(_texts(stack))

    importing = {
        kind: frikort.start("import", kind, str(moved.folder / f"{kind}.csv"), "--json")
        for kind in IN_ORDER
    }
    reports = {kind: running.said().report() for kind, running in importing.items()}

    assert {kind: (each.appended, each.repeated) for kind, each in reports.items()} == {
        kind: (0, len(rows)) for kind, rows in moved.naive.rows.items()
    }
    assert (observer.rows("allowance", HEADS), len(_texts(stack))) == before


def _texts(stack: Stack) -> list[dict[str, Any]]:
    """Ask the gateway for all that it was handed."""
    answer = httpx.get(f"{stack.service_url(GATEWAY)}/texts", trust_env=False).raise_for_status()
    texts: list[dict[str, Any]] = answer.json()["texts"]
    return texts


def _outcome(stack: Stack, notification_id: str, card_no: str) -> tuple[str, str | None]:
    """Ask as anybody may what became of a text."""
    answer = httpx.get(
        f"{stack.service_url('notifications')}/v1/messages",
        params={"card_no": card_no},
        trust_env=False,
    ).raise_for_status()
    told = {message["notification_id"]: message for message in answer.json()["messages"]}
    return told[notification_id]["state"], told[notification_id]["reason"]

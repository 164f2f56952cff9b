"""Caps on real servers: a changed one sweeps, a missing one is told once."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import psycopg
import pytest

from services.allowance import handlers, sweeps
from services.chassis.database import open_pool
from services.chassis.errors import ConflictError
from tests.integration.allowance_cases import (
    Wire,
    decided,
    ledger_with_caps,
    set_cap,
    until_applied,
)
from tests.integration.rules_cases import assert_verified, cases, rules_sent, told_of
from tests.integration.servers import Servers, ServiceProcess, payload, wait_for
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import CAP_ORE, identity

pytestmark = pytest.mark.slow

RAISED_ORE = 2 * CAP_ORE
QUESTIONS = {
    "all": {},
    "end of June": {"as_of": "2023-06-30"},
    "1 July": {"as_of": "2023-07-01"},
    "known in May": {"known_at": "2023-05-31"},
    "June, as known in June": {"as_of": "2023-06-30", "known_at": "2023-06-30"},
    "July, as known in June": {"as_of": "2023-07-01", "known_at": "2023-06-30"},
}
"""What is asked of a balance of 2023, the year whose cap was raised on 1 July."""


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    yield from ledger_with_caps(servers, [2022])


def entries_of_caps(servers: Servers) -> list[tuple[str, str]]:
    """Give (citizen, rule) of every entry that a sweep made."""
    with psycopg.connect(servers.database_url("allowance", "auditor")) as connection:
        rows = connection.execute(
            "SELECT citizen_id, source_id FROM journal WHERE source_type = 'annual-cap-set'"
        )
        return [(str(citizen_id), str(rule_id)) for citizen_id, rule_id in rows]


def until_swept(servers: Servers, year: int) -> None:
    def finished() -> bool:
        with psycopg.connect(servers.database_url("allowance", "auditor")) as connection:
            query = "SELECT count(*) FROM cap_sweeps WHERE year = %s AND finished_at IS NOT NULL"
            (count,) = connection.execute(query, [year]).fetchone() or (0,)
        return bool(count)

    wait_for(finished, what=f"the sweep of {year} is through")


def figures(service: ServiceProcess, story: Tale, **query: str) -> tuple[int, ...]:
    """Give a citizen's limit, covered, excess and remaining amount of 2023, and its entries."""
    asked = {"year": "2023", **query}
    answer = service.client.get(f"/v1/cards/{story.card_no}/allowance", params=asked)
    found = answer.raise_for_status().json()
    names = ("limit_ore", "covered_ore", "excess_ore", "remaining_ore", "entries")
    return tuple(found[name] for name in names)


def answers(service: ServiceProcess, story: Tale) -> dict[str, tuple[int, ...]]:
    return {name: figures(service, story, **query) for name, query in QUESTIONS.items()}


def learned(day: str) -> str:
    return f"{day}T10:00:00.000000Z"


def test_r22_the_whole_of_2023_with_its_cap_raised_on_1_july(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    cap, raised = CAP_ORE, RAISED_ORE
    tale = Tale("of-2023", card_no="40023", known_at=learned("2023-05-02"))
    june, july = learned("2023-06-15"), learned("2023-07-03")
    set_cap(allowance, 2023, cap, known_at="2022-12-28", legal_basis="LOV 1596")
    wire.send(
        [
            tale.issued(),
            tale.wage("y-may", "2023-05-01", 19_000_00),
            tale.wage("y-may-2", "2023-05-02", 1_500_00),
        ]
    )
    until_applied(allowance, [tale])
    before = answers(allowance, tale)

    law = {"known_at": "2023-06-01", "in_force_from": "2023-07-01", "legal_basis": "L 119"}
    set_cap(allowance, 2023, raised, **law)
    until_swept(servers, 2023)
    swept = figures(allowance, tale)
    wire.send(
        [
            tale.wage("y-june", "2023-06-15", 300_00, known_at=june),
            tale.wage("y-july", "2023-07-03", 20_500_00, known_at=july),
        ]
    )
    until_applied(allowance, [tale])

    assert before == dict.fromkeys(QUESTIONS, (cap, cap, 500_00, 0, 2))
    assert swept == (raised, cap, 500_00, cap, 2)
    assert decided(allowance, tale) == [
        ("wage-paid", 19_000_00, 0, "within-cap"),
        ("wage-paid", 1_000_00, 500_00, "over-cap"),
        ("wage-paid", 0, 300_00, "over-cap"),
        ("wage-paid", 20_000_00, 500_00, "over-cap"),
    ]
    assert answers(allowance, tale) == {
        "all": (raised, raised, 1_300_00, 0, 4),
        "end of June": (cap, cap, 800_00, 0, 3),
        "1 July": (raised, cap, 800_00, cap, 3),
        "known in May": (cap, cap, 500_00, 0, 2),
        "June, as known in June": (cap, cap, 800_00, 0, 3),
        "July, as known in June": (raised, cap, 800_00, cap, 3),
    }
    assert_told_of_the_raised_cap(servers, tale, june)
    assert_verified(servers)


def assert_told_of_the_raised_cap(servers: Servers, tale: Tale, june: str) -> None:
    """The sweep told of room and of excess, and so did the wage decided under the earlier cap."""
    wait_for(lambda: len(cases(servers, tale)) >= 2, what="both cases are sent")
    law_known_at = "2023-05-31T22:00:00.000000Z"
    about = {"card_no": tale.card_no, "year": 2023}
    excess = about | {"code": "cap-changed-excess"}
    assert cases(servers, tale) == [
        {**excess, "known_at": law_known_at},
        {**excess, "known_at": june, "wage_id": identity("y-june")},
    ]
    room = {"limit_ore": RAISED_ORE, "covered_ore": CAP_ORE}
    assert told_of(servers, tale, "allowance-restored") == [
        {**about, **room, "known_at": law_known_at}
    ]


def test_r22_a_sweep_killed_in_the_middle_goes_on_and_reaches_everybody_once(
    servers: Servers, allowance: ServiceProcess, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    tales = [Tale(f"swept-{n}", card_no=f"{41_000 + n}") for n in range(7)]
    wire.send(
        [
            message
            for tale in tales
            for message in (
                tale.issued("2022-01-01"),
                tale.wage(f"{tale.card_no}-a", "2022-05-01", CAP_ORE),
            )
        ]
    )
    until_applied(allowance, tales)
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).date()
    set_cap(allowance, 2022, RAISED_ORE, in_force_from=tomorrow.isoformat(), known_at="2022-06-01")
    unswept = entries_of_caps(servers)
    allowance.kill()

    asyncio.run(_sweep_half(servers, monkeypatch, tomorrow))
    half = entries_of_caps(servers)
    allowance.start()
    until_swept(servers, 2022)

    everybody = entries_of_caps(servers)
    fresh = [entry for entry in everybody if entry not in unswept]
    assert len(half) == len(unswept) + PAGE
    assert len(everybody) == len(set(everybody))
    assert len(fresh) == len(open_in(servers, 2022))
    assert {tale.citizen_id for tale in tales} <= {citizen_id for citizen_id, _ in fresh}
    wait_for(
        lambda: all(told_of(servers, tale, "allowance-restored") for tale in tales),
        what="everybody is told of the room",
    )
    assert_verified(servers)


PAGE = 3


class Killed(BaseException):
    """In place of a signal: nothing that the sweep does can hold it up."""


async def _sweep_half(servers: Servers, patch: pytest.MonkeyPatch, on: dt.date) -> None:
    """Sweep one page, and end in the middle of the next one, as a kill would."""

    async def end(*_: object, **__: object) -> NoReturn:
        raise Killed

    patch.setattr(handlers, "SWEEP_CITIZENS_MAX", PAGE)
    pool = await open_pool(servers.database_url("allowance"), size_max=2)
    try:
        ledger = handlers.Ledger(pool=pool, clock=Noon(on))
        first = await ledger.sweep_cap()
        with patch.context() as dying:
            dying.setattr(sweeps, "move", end)
            with pytest.raises(Killed):
                await ledger.sweep_cap()
    finally:
        await pool.close()
    assert first is not None
    assert (first.citizens, first.finished) == (PAGE, False)


@dataclass(frozen=True)
class Noon:
    """A clock that stands."""

    on: dt.date

    def now(self) -> dt.datetime:
        return dt.datetime.combine(self.on, dt.time(12), dt.UTC)


def open_in(servers: Servers, year: int) -> list[Any]:
    with psycopg.connect(servers.database_url("allowance", "auditor")) as connection:
        query = "SELECT citizen_id FROM balances WHERE year = %s"
        return connection.execute(query, [year]).fetchall()


def test_a_sweep_repeated_from_its_beginning_enters_nothing_twice(
    servers: Servers, allowance: ServiceProcess
) -> None:
    allowance.kill()
    entered = entries_of_caps(servers)
    with psycopg.connect(servers.database_url("allowance", "owner"), autocommit=True) as owner:
        owner.execute("UPDATE cap_sweeps SET reached = NULL, finished_at = NULL WHERE year = 2022")

        with pytest.raises(ConflictError):
            asyncio.run(_sweep_once(servers))

        owner.execute("UPDATE cap_sweeps SET finished_at = started_at WHERE year = 2022")
    allowance.start()
    assert entries_of_caps(servers) == entered


async def _sweep_once(servers: Servers) -> None:
    pool = await open_pool(servers.database_url("allowance"), size_max=2)
    try:
        await handlers.Ledger(pool=pool, clock=Noon(dt.date(2099, 1, 1))).sweep_cap()
    finally:
        await pool.close()


def test_r23_a_wage_that_waits_for_a_cap_is_told_of_once_in_the_rules_stream(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    tale = Tale("no-cap", card_no="42000")
    wire.send(
        [
            tale.issued("2020-01-01"),
            tale.wage("n-a", "2020-05-01", 500),
            tale.wage("n-b", "2020-05-02", 500),
        ]
    )

    def told() -> list[Any]:
        return [r for r in rules_sent(servers, "attention-raised") if r.key == b"cap:2020"]

    wait_for(lambda: bool(told()), what="the missing cap is told of")
    allowance.kill()
    allowance.start()
    set_cap(allowance, 2020)
    until_applied(allowance, [tale])

    (once,) = told()
    said = payload(once)
    assert (said["code"], said["year"]) == ("cap-missing", 2020)
    assert said.keys() == {"known_at", "code", "year"}
    assert_verified(servers)

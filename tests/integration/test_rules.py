"""The rules on real servers: a closing binds, a changed cap sweeps, a missing one is told once."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import psycopg
import pytest

from cli.ledger import prove
from frikort_contracts.topics import ALLOWANCE, RULES
from services.allowance import handlers, sweeps
from services.chassis.database import open_pool
from services.chassis.errors import ConflictError
from tests.integration.allowance_cases import Wire, decided, servers_at, set_cap, until_applied
from tests.integration.servers import Servers, ServiceProcess, header, payload, wait_for
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import CAP_ORE, identity

pytestmark = pytest.mark.slow

LATER = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers_at(tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    service = servers.service("allowance").start()
    try:
        for year in (2021, 2022):
            set_cap(service, year)
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def wire(servers: Servers) -> Wire:
    return Wire(servers)


def cases(servers: Servers, story: Tale) -> list[dict[str, Any]]:
    """Give the cases that were sent about a citizen, in order."""
    return [
        payload(record)
        for record in servers.all_records(ALLOWANCE.name)
        if record.key.decode() == story.citizen_id
        and header(record, "ce_type") == "attention-raised"
    ]


def rules_sent(servers: Servers, kind: str) -> list[Any]:
    return [r for r in servers.all_records(RULES.name, 1) if header(r, "ce_type") == kind]


def assert_verified(servers: Servers) -> None:
    url = servers.database_url("allowance", "auditor")
    assert prove({"FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": url}).faults == []
    assert_cases_rest_on_the_journal(servers)


KEPT = "SELECT citizen_id, year, over_cap_ore, covered_to FROM balances ORDER BY 1, 2"
FOLDED = """
    SELECT
      citizen_id,
      year,
      coalesce(sum(excess_ore) FILTER (
        WHERE convert_from(bytes, 'UTF8')::JSONB #>> '{decision,reason}' = 'over-cap'
          AND NOT reversed
      ), 0)::BIGINT,
      max(paid_on) FILTER (WHERE covered_ore > 0 AND NOT reversed)
    FROM journal AS j
    CROSS JOIN LATERAL (
      SELECT EXISTS (
        SELECT
        FROM journal AS r
        WHERE r.citizen_id = j.citizen_id
          AND r.wage_id = j.wage_id
          AND r.source_type = 'wage-reversed'
      ) AS reversed
    ) AS taken_back
    WHERE source_type IN ('wage-paid', 'wage-reversed')
    GROUP BY citizen_id, year
    ORDER BY 1, 2
"""


def assert_cases_rest_on_the_journal(servers: Servers) -> None:
    """What a case is seen by is kept beside the journal, and is nothing but its fold."""
    with psycopg.connect(servers.database_url("allowance", "auditor")) as connection:
        kept = connection.execute(KEPT).fetchall()
        folded = connection.execute(FOLDED).fetchall()
    assert kept == folded


def close(service: ServiceProcess, year: int, key: str | None = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return service.client.post(f"/v1/municipalities/0751/years/{year}/closing", headers=headers)


def test_r38_a_closing_binds_what_payroll_records_after_it_and_nothing_before(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    tale = Tale("closing", card_no="40001")
    wire.send([tale.issued("2021-01-01"), tale.wage("c-a", "2021-05-01", 500)])

    first, again = close(allowance, 2021, "closing-1"), close(allowance, 2021)
    wire.send(
        [
            tale.wage("c-b", "2021-06-01", 600, at=LATER),
            tale.wage("c-c", "2021-06-02", 700),
            tale.reversal("c-a", "2021-05-01", 500, at=LATER),
            tale.wage("c-d", "2022-06-01", 800, at=LATER),
        ]
    )
    until_applied(allowance, [tale])

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (first.json()["event"], first.json()["municipality_code"]) == ("year-closed", "751")
    assert decided(allowance, tale) == [
        ("wage-paid", 500, 0, "within-cap"),
        ("wage-paid", 0, 600, "year-closed"),
        ("wage-paid", 700, 0, "within-cap"),
        ("wage-reversed", -500, 0, "wage-reversed"),
        ("wage-paid", 800, 0, "within-cap"),
    ]
    wait_for(lambda: len(cases(servers, tale)) >= 2, what="both cases are sent")
    known_at = "2026-01-05T10:00:00.000000Z"
    told = {"known_at": known_at, "card_no": "40001", "year": 2021}
    assert cases(servers, tale) == [
        {**told, "code": "wage-in-closed-year", "wage_id": identity("c-b")},
        {**told, "code": "reversal-in-closed-year", "wage_id": identity("c-a")},
    ]
    wait_for(lambda: bool(rules_sent(servers, "year-closed")), what="the closing is sent")
    (sent,) = rules_sent(servers, "year-closed")
    assert sent.key == b"closing:751:2021"
    assert payload(sent).keys() == {"known_at", "year", "municipality_code"}
    assert_verified(servers)


def test_r38_a_year_that_has_not_begun_is_not_closed(allowance: ServiceProcess) -> None:
    refused = close(allowance, 2098)

    assert (refused.status_code, refused.json()["code"]) == (422, "year-not-begun")


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


def balance(service: ServiceProcess, story: Tale, **query: Any) -> dict[str, Any]:
    answer = service.client.get(f"/v1/cards/{story.card_no}/allowance", params=query)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def figures(service: ServiceProcess, story: Tale, **query: Any) -> tuple[Any, ...]:
    names = ("limit_ore", "covered_ore", "excess_ore", "remaining_ore", "entries")
    found = balance(service, story, year=2023, **query)
    return tuple(found[name] for name in names)


def learned(day: str) -> str:
    return f"{day}T10:00:00.000000Z"


def test_r22_the_whole_of_2023_with_its_cap_raised_on_1_july(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    cap, raised_cap = 20_000_00, 40_000_00
    spring = Tale("of-2023", card_no="40023", known_at=learned("2023-05-02"))
    set_cap(allowance, 2023, cap, known_at="2022-12-28", legal_basis="LOV 1596")
    wire.send(
        [
            spring.issued(),
            spring.wage("y-may", "2023-05-01", 19_000_00),
            spring.wage("y-may-2", "2023-05-02", 1_500_00),
        ]
    )
    until_applied(allowance, [spring])
    before = {
        "all": figures(allowance, spring),
        "end of June": figures(allowance, spring, as_of="2023-06-30"),
        "in July": figures(allowance, spring, as_of="2023-07-01"),
    }

    set_cap(
        allowance,
        2023,
        raised_cap,
        known_at="2023-06-01",
        in_force_from="2023-07-01",
        legal_basis="L 119",
    )
    until_swept(servers, 2023)
    swept = figures(allowance, spring)
    spring._known_at = learned("2023-06-15")  # noqa: SLF001 - the same citizen, later
    june = spring.wage("y-june", "2023-06-15", 300_00)
    spring._known_at = learned("2023-07-03")  # noqa: SLF001
    wire.send([june, spring.wage("y-july", "2023-07-03", 20_500_00)])
    until_applied(allowance, [spring])

    assert before == {
        "all": (cap, cap, 500_00, 0, 2),
        "end of June": (cap, cap, 500_00, 0, 2),
        "in July": (cap, cap, 500_00, 0, 2),
    }
    assert swept == (raised_cap, cap, 500_00, cap, 2)
    assert decided(allowance, spring) == [
        ("wage-paid", 19_000_00, 0, "within-cap"),
        ("wage-paid", 1_000_00, 500_00, "over-cap"),
        ("wage-paid", 0, 300_00, "over-cap"),
        ("wage-paid", 20_000_00, 500_00, "over-cap"),
    ]
    after = {
        "all": figures(allowance, spring),
        "end of June": figures(allowance, spring, as_of="2023-06-30"),
        "1 July": figures(allowance, spring, as_of="2023-07-01"),
        "known in May": figures(allowance, spring, known_at="2023-05-31"),
        "June, as known in June": figures(
            allowance, spring, as_of="2023-06-30", known_at="2023-06-30"
        ),
        "July, as known in June": figures(
            allowance, spring, as_of="2023-07-01", known_at="2023-06-30"
        ),
    }
    assert after == {
        "all": (raised_cap, raised_cap, 1_300_00, 0, 4),
        "end of June": (cap, cap, 800_00, 0, 3),
        "1 July": (raised_cap, cap, 800_00, cap, 3),
        "known in May": (cap, cap, 500_00, 0, 2),
        "June, as known in June": (cap, cap, 800_00, 0, 3),
        "July, as known in June": (raised_cap, cap, 800_00, cap, 3),
    }
    wait_for(lambda: len(cases(servers, spring)) >= 2, what="both cases are sent")
    about = {"card_no": "40023", "code": "cap-changed-excess", "year": 2023}
    assert cases(servers, spring) == [
        {**about, "known_at": "2023-05-31T22:00:00.000000Z"},
        {**about, "known_at": learned("2023-06-15"), "wage_id": identity("y-june")},
    ]
    assert told_of(servers, spring, "allowance-restored") == [
        {
            "known_at": "2023-05-31T22:00:00.000000Z",
            "card_no": "40023",
            "year": 2023,
            "limit_ore": raised_cap,
            "covered_ore": cap,
        }
    ]
    assert_verified(servers)


def told_of(servers: Servers, story: Tale, kind: str) -> list[dict[str, Any]]:
    """Give the payloads of a kind that were sent about a citizen, in order."""
    return [
        payload(record)
        for record in servers.all_records(ALLOWANCE.name)
        if record.key.decode() == story.citizen_id and header(record, "ce_type") == kind
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
    set_cap(allowance, 2022, 2 * CAP_ORE, in_force_from=tomorrow.isoformat(), known_at="2022-06-01")
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

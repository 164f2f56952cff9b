"""The ledger as a real process on real servers: held back, killed, doubled, refused a change."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
import pytest

from frikort_contracts.topics import ALLOWANCE, BALANCES
from services.chassis.inbox import Message
from tests.integration.allowance_cases import (
    SETTLED_S,
    Wire,
    at,
    decided,
    ledger_with_caps,
    set_cap,
    until_applied,
)
from tests.integration.rules_cases import assert_verified
from tests.integration.servers import Servers, ServiceProcess, header, payload, wait_for
from tests.unit.ledger_cases import CAP_ORE, Story, caps, decisions, post

pytestmark = pytest.mark.slow

RULES = caps(2023, 2024)
KILLS = 6


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    """The ledger, with caps for 2023 and 2024."""
    yield from ledger_with_caps(servers, (2023, 2024))


def expected(messages: Sequence[Message]) -> list[tuple[str, int, int, str]]:
    return decisions(post(messages, RULES).entries)


def stories(prefix: str, first_card: int, count: int) -> list[Story]:
    return [
        Story(f"{prefix}-{place}", card_no=f"{first_card + place:05d}") for place in range(count)
    ]


def test_wages_wait_for_grants_that_are_held_back_and_others_go_on(
    allowance: ServiceProcess, wire: Wire
) -> None:
    behind = stories("behind", 10_000, 20)
    ahead = Story("ahead", card_no="10999")
    grants = [[s.issued("2023-01-01"), s.deactivated("2023-06-01")] for s in behind]
    wages = [
        [
            s.wage(f"{s.card_no}-a", "2023-02-01", CAP_ORE - 100, rests_on=1),
            s.wage(f"{s.card_no}-b", "2023-07-01", 500, rests_on=1),
            s.wage(f"{s.card_no}-c", "2023-07-02", 500, rests_on=2),
        ]
        for s in behind
    ]

    wire.send([message for messages in wages for message in messages])
    wire.send([ahead.issued(), ahead.wage("ahead", "2023-02-01", 700)])
    (first,) = allowance.progress(at(ahead))
    held = allowance.progress(*map(at, behind), wait_s=0)
    shown = allowance.client.get("/metrics").text

    assert first.state == "applied"
    assert {(each.state, each.code) for each in held} == {("waiting", "grants-behind")}
    wait_for(
        lambda: (
            'frikort_waiting_messages{reason="grants-behind"} 60.0'
            in allowance.client.get("/metrics").text
        ),
        what=f"60 waiting messages in the metrics, which said {shown[:200]}",
    )
    wire.send([message for messages in grants for message in messages])
    until_applied(allowance, behind)
    for story, granted, paid in zip(behind, grants, wages, strict=True):
        assert decided(allowance, story) == expected([*granted, *paid])


def test_a_wage_of_a_year_without_a_cap_waits_until_one_is_set(
    allowance: ServiceProcess, wire: Wire
) -> None:
    story = Story("cap-unknown", card_no="11000")
    wire.send([story.issued("2022-01-01"), story.wage("early", "2022-05-01", 900)])
    wait_for(
        lambda: allowance.progress(at(story), wait_s=0)[0].code == "cap-unknown",
        what="the wage waits",
    )
    before = balance(allowance, story, year=2022)

    set_cap(allowance, 2022)

    wait_for(
        lambda: allowance.progress(at(story), wait_s=0)[0].state == "applied",
        what="the wage is applied",
    )
    after = balance(allowance, story, year=2022)
    assert (before["limit_ore"], before["waiting"], before["entries"]) == (None, 1, 0)
    assert (after["limit_ore"], after["waiting"], after["covered_ore"]) == (CAP_ORE, 0, 900)


def test_balances_answer_as_of_a_date_and_as_known_at_a_moment(
    allowance: ServiceProcess, wire: Wire
) -> None:
    story = Story("as-of", card_no="11100")
    wire.send(
        [
            story.issued(),
            story.wage("march", "2023-03-01", 1000),
            story.wage("may", "2023-05-01", 2000),
            story.reversal("march", "2023-03-01", 1000),
        ]
    )
    allowance.progress(at(story))

    found = {
        name: balance(allowance, story, year=2023, **query)
        for name, query in {
            "all": {},
            "april": {"as_of": "2023-04-01"},
            "not yet known": {"known_at": "2026-01-04"},
            "known that day": {"known_at": "2026-01-05"},
        }.items()
    }

    figures = {name: (each["covered_ore"], each["entries"]) for name, each in found.items()}
    assert figures == {
        "all": (2000, 3),
        "april": (0, 2),
        "not yet known": (0, 0),
        "known that day": (2000, 3),
    }


def test_a_cap_is_set_once_corrected_and_set_back(allowance: ServiceProcess) -> None:
    def put(amount_ore: int, key: str, **more: Any) -> tuple[int, int]:
        body = {"amount_ore": amount_ore, "in_force_from": "2030-01-01", "legal_basis": "LOV 616"}
        answer = allowance.client.put(
            "/v1/caps/2030", json=body | more, headers={"Idempotency-Key": key}
        )
        return answer.status_code, answer.json().get("position", {}).get("version", 0)

    first = put(40_000_00, "cap-1")
    again = put(40_000_00, "cap-1")
    other_content = put(41_000_00, "cap-1")
    corrected = put(41_000_00, "cap-2")
    set_back = put(40_000_00, "cap-3")
    other_limit = put(40_000_00, "cap-4", income_limit_ore=10_000_00)

    assert (first[0], again) == (201, (200, first[1]))
    assert other_content[0] == 422
    versions = [first[1], corrected[1], set_back[1], other_limit[1]]
    assert versions == list(range(first[1], first[1] + 4))


def test_a_moment_at_midnight_is_no_whole_day(allowance: ServiceProcess, wire: Wire) -> None:
    story = Story("midnight", card_no="11200")
    wire.send([story.issued(), story.wage("midnight", "2023-03-01", 1000)])
    until_applied(allowance, [story])

    on_the_day = balance(allowance, story, year=2023, known_at="2026-01-05")
    at_midnight = balance(allowance, story, year=2023, known_at="2026-01-05T00:00:00+01:00")

    assert (on_the_day["covered_ore"], at_midnight["covered_ore"]) == (1000, 0)


def balance(service: ServiceProcess, story: Story, **query: Any) -> dict[str, Any]:
    answer = service.client.get(f"/v1/cards/{story.card_no}/allowance", params=query)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def test_killed_again_and_again_it_decides_and_sends_everything_once(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    many = stories("killed", 20_000, 60)
    told = {
        story.card_no: [
            story.issued("2023-01-01"),
            *(
                story.wage(f"{story.card_no}-{n}", f"2023-{n % 12 + 1:02d}-10", 150_00 + n)
                for n in range(60)
            ),
        ]
        for story in many
    }
    flow = [message for batch in zip(*told.values(), strict=True) for message in batch]
    step = len(flow) // (KILLS + 1)

    for number in range(KILLS + 1):
        wire.send(flow[number * step : (number + 1) * step])
        if number < KILLS:
            time.sleep(0.03 * number)  # an instant of its own for each kill; nothing rests on it
            allowance.kill()
            allowance.start()
    wire.send(flow[(KILLS + 1) * step :])
    until_applied(allowance, many)

    for story in many:
        assert decided(allowance, story) == expected(told[story.card_no])
    _assert_each_event_was_sent_once(servers, many)


def _assert_each_event_was_sent_once(servers: Servers, many: Sequence[Story]) -> None:
    wages = len(many) * 60
    ids = {story.citizen_id for story in many}

    def sent() -> list[Any]:
        records = servers.all_records(ALLOWANCE.name)
        _assert_numbered_without_gaps(records)
        return [
            record
            for record in records
            if record.key.decode() in ids and header(record, "ce_type") == "wage-apportioned"
        ]

    wait_for(lambda: len(sent()) >= wages, what="every wage-apportioned", timeout_s=SETTLED_S)
    found = sent()
    assert len(found) == wages
    assert len({header(record, "ce_id") for record in found}) == wages
    latest = {record.key: payload(record) for record in servers.all_records(BALANCES.name)}
    for story in many:
        expected_ore = sum(each[1] for each in expected_of(found, story.citizen_id))
        assert latest[f"{story.citizen_id}:2023".encode()]["covered_ore"] == expected_ore


def expected_of(records: Iterable[Any], citizen_id: str) -> list[tuple[str, int]]:
    return [
        (payload(record)["wage_id"], payload(record)["covered_ore"])
        for record in records
        if record.key.decode() == citizen_id
    ]


def _assert_numbered_without_gaps(records: Iterable[Any]) -> None:
    last: dict[int, int] = {}
    for record in records:
        number = int(header(record, "ce_partitionseq"))
        assert number == last.get(record.partition, 0) + 1
        last[record.partition] = number


def test_two_instances_share_the_partitions(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    port = servers.stack.settings.port("allowance") + 30
    second = ServiceProcess(
        "allowance",
        environment=servers.stack.env("allowance")
        | {"FRIKORT_ALLOWANCE_INSTANCE": "2", "FRIKORT_ALLOWANCE_PORT": str(port)},
        url=f"http://127.0.0.1:{port}",
        log=servers.stack.settings.logs / "allowance-second.log",
    )
    many = stories("shared", 30_000, 24)
    told = {
        story.card_no: [
            story.issued(),
            *(story.wage(f"{story.card_no}-{n}", "2023-03-01", 900_00) for n in range(30)),
        ]
        for story in many
    }
    try:
        wire.send([message for messages in told.values() for message in messages[:10]])
        second.start()
        wire.send([message for messages in told.values() for message in messages[10:]])
        until_applied(allowance, many)
    finally:
        second.close()

    for story in many:
        assert decided(allowance, story) == expected(told[story.card_no])


def test_the_running_role_may_only_insert_and_select_in_the_journal(servers: Servers) -> None:
    with psycopg.connect(servers.database_url("allowance"), autocommit=True) as connection:
        for attempt in (
            "UPDATE journal SET amount_ore = 0",
            "DELETE FROM journal",
            "TRUNCATE journal",
            "ALTER TABLE journal DISABLE TRIGGER ALL",
            "UPDATE rules SET amount_ore = 1",
            "DROP TABLE journal",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attempt)


def test_what_was_killed_doubled_and_held_back_verifies(
    servers: Servers, allowance: ServiceProcess
) -> None:
    del allowance  # it has filled the ledger

    assert_verified(servers)

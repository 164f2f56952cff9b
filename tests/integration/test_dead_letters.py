"""Dead letters over HTTP: listed, shown and redriven, at a reader of events and at the ledger."""

import base64
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from frikort_contracts.imports import Position
from frikort_contracts.topics import partition_of
from services.chassis.held import PARKED_MAX
from services.chassis.inbox import Message
from tests.integration.allowance_cases import Wire, decided, set_cap, until_applied
from tests.integration.servers import Servers, ServiceProcess, wait_for
from tests.unit.ledger_cases import Story, identity

pytestmark = pytest.mark.slow

MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def wire(servers: Servers) -> Wire:
    return Wire(servers)


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    service = servers.service("allowance").start()
    set_cap(service, 2023)
    yield service
    service.close()


@pytest.fixture(scope="module")
def payroll(servers: Servers) -> Iterator[ServiceProcess]:
    service = servers.service("payroll").start()
    yield service
    service.close()


def parked(service: ServiceProcess, subject: str) -> list[dict[str, Any]]:
    page = service.client.get("/v1/dead-letters").raise_for_status().json()
    return [letter for letter in page["dead_letters"] if letter["subject"] == subject]


def await_parked(service: ServiceProcess, subject: str, *, behind: int) -> dict[str, Any]:
    wait_for(
        lambda: [letter["behind"] for letter in parked(service, subject)] == [behind],
        what="a message set aside, and the others behind it",
    )
    return parked(service, subject)[0]


def redrive(service: ServiceProcess, letter: dict[str, Any]) -> dict[str, Any]:
    path = f"/v1/dead-letters/{letter['dead_letter_id']}/redrive"
    answer: dict[str, Any] = service.client.post(path).raise_for_status().json()
    return answer


def test_a_redrive_after_the_missing_message_came_gives_the_balance_of_a_clean_run(
    wire: Wire, allowance: ServiceProcess
) -> None:
    broken, clean = Story("broken", card_no="00001"), Story("clean", card_no="00002")

    def messages_of(story: Story) -> list[Message]:
        name = story.card_no
        return [
            story.issued(),
            story.wage(f"{name} a", "2023-02-01", 19_000_00),
            story.wage(f"{name} b", "2023-03-01", 2_000_00),
            story.reversal(f"{name} a", "2023-02-01", 19_000_00),
            story.wage(f"{name} c", "2023-04-01", 3_000_00),
        ]

    issued, first, *later = messages_of(broken)
    wire.send([issued, *later, *messages_of(clean)])
    until_applied(allowance, [clean])
    letter = await_parked(allowance, broken.citizen_id, behind=2)
    too_early = redrive(allowance, letter)
    wire.send([first])
    await_parked(allowance, broken.citizen_id, behind=3)
    before = decided(allowance, broken)
    done = redrive(allowance, letter)

    assert letter["reason"] == "version-gap"
    assert (letter["topic"], letter["version"], letter["type"]) == (
        "frikort-payroll",
        2,
        "wage-paid",
    )
    assert (too_early["state"], too_early["reason"]) == ("parked", "version-gap")
    assert before == []
    assert (done["state"], done["released"]) == ("applied", 3)
    assert decided(allowance, broken) == decided(allowance, clean)
    assert parked(allowance, broken.citizen_id) == []
    until_applied(allowance, [broken])


def test_a_dead_letter_shows_its_bytes_and_counts_how_often_it_was_tried(
    wire: Wire, allowance: ServiceProcess
) -> None:
    story, bad = Story("poison", card_no="00003"), b'{"known_at": "\xff"}'
    issued, poison = story.issued(), story.wage("p", "2023-02-01", 5)
    poison.value = bad
    wire.send([issued, poison, story.wage("q", "2023-02-02", 6)])
    letter = await_parked(allowance, story.citizen_id, behind=1)
    first, second = redrive(allowance, letter), redrive(allowance, letter)
    shown = allowance.client.get(f"/v1/dead-letters/{letter['dead_letter_id']}").json()
    figure = 'frikort_parked_messages{reason="payload-unreadable",topic="frikort-payroll"} 1.0'
    wait_for(
        lambda: figure in allowance.client.get("/metrics").text, what="the figure of what is parked"
    )

    assert (first["state"], second["state"]) == ("parked", "parked")
    assert shown["attempts"] == 2
    assert shown["parked_at"] == letter["parked_at"]
    assert base64.b64decode(shown["value_base64"]) == bad
    assert (shown["text"], shown["reason"]) == (None, "payload-unreadable")
    assert shown["headers"]["ce_type"] == "wage-paid"
    assert shown["behind"] == 1


def test_a_reader_keeps_what_it_still_cannot_read(wire: Wire, payroll: ServiceProcess) -> None:
    story = Story("unread", card_no="00004")
    issued = story.issued()
    issued.value = b"{"
    wire.send([issued, story.deactivated("2023-05-01")])
    letter = await_parked(payroll, story.citizen_id, behind=1)
    answer = redrive(payroll, letter)
    position = Position(service="grants", citizen_id=story.citizen_id, version=2)

    assert (answer["state"], answer["reason"]) == ("parked", "payload-unreadable")
    assert parked(payroll, story.citizen_id)[0]["attempts"] == 1
    assert payroll.progress(position)[0].state == "waiting"


def test_an_id_under_which_nothing_is_set_aside_is_refused(allowance: ServiceProcess) -> None:
    waits = Story("waits", card_no="00005")
    answers = [
        allowance.client.get(f"/v1/dead-letters/{MISSING}"),
        allowance.client.post(f"/v1/dead-letters/{MISSING}/redrive"),
        allowance.client.post(f"/v1/dead-letters/{identity(waits.card_no)}/redrive"),
    ]
    malformed = allowance.client.get("/v1/dead-letters/nothing")

    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (404, "dead-letter-unknown")
    ] * 3
    assert malformed.status_code == 422


def test_a_redrive_is_never_refused_for_what_is_parked_already(
    wire: Wire, allowance: ServiceProcess
) -> None:
    """A reader stops where too much is parked; taking one up again reads nothing on."""
    late = Story("late", card_no="00006")
    issued, stopped = late.issued(), late.deactivated("2023-05-01")
    stray = late.reversal("nobody's", "2023-02-01", 5)
    others = (Story(f"other {number}", card_no=f"{number:05d}") for number in range(100, 9999))
    beside = islice((o for o in others if lane_of(o) == lane_of(late)), PARKED_MAX)
    poison = [other.wage(f"poison {other.card_no}", "2023-02-01", 5) for other in beside]
    for message in poison:
        message.value = b"{"
    wire.send([stopped, stray, *poison])
    letter = await_parked(allowance, late.citizen_id, behind=0)
    wait_for(
        lambda: all(parked(allowance, message.stream_id) for message in poison),
        what="so much is set aside that one more is the last",
    )
    wire.send([issued])
    await_parked(allowance, late.citizen_id, behind=1)
    done = redrive(allowance, letter)

    reasons = [each["reason"] for each in parked(allowance, late.citizen_id)]
    assert (done["state"], done["released"]) == ("applied", 1)
    assert reasons == ["wage-unknown"]


def lane_of(story: Story) -> int:
    return partition_of(story.citizen_id)


def test_a_service_that_reads_nothing_has_nothing_set_aside(servers: Servers) -> None:
    grants = servers.service("grants").start()
    try:
        page = grants.client.get("/v1/dead-letters").raise_for_status().json()
        answers = [
            grants.client.get(f"/v1/dead-letters/{MISSING}"),
            grants.client.post(f"/v1/dead-letters/{MISSING}/redrive"),
        ]
        document = grants.client.get("/openapi.json").json()
    finally:
        grants.close()

    assert page == {"dead_letters": [], "next_after": None}
    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (404, "dead-letter-unknown")
    ] * 2
    assert {"/v1/dead-letters", "/v1/dead-letters/{dead_letter_id}"} <= document["paths"].keys()

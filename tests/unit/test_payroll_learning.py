"""What payroll learns from grants' events, as the golden messages tell them."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from frikort_contracts import generate
from frikort_contracts.grants import EVENTS
from frikort_contracts.schemas import file_name
from frikort_contracts.topics import GRANTS
from services.chassis.inbox import Message
from services.chassis.reading import Received, parse_with
from services.payroll.projections import Learned, learn
from services.payroll.store import LearnedChange

EXAMPLES = Path(generate.__file__).parents[1] / "examples"
CHANGES = {
    "grant-deactivated": False,
    "grant-reactivated": True,
    "grant-closed": False,
    "appeal-decided": True,
}
"""The events after which a card is active, or is not."""
parse = parse_with(EVENTS)


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / file_name(name)).read_text("utf-8"))
    return found


def learned_from(name: str, **payload: Any) -> Learned:
    example = golden(name)
    told = {k: v for k, v in (example["payload"] | payload).items() if v is not None}
    message = Message(
        topic=GRANTS.name,
        partition=example["partition"],
        offset=0,
        key=example["key"].encode(),
        value=json.dumps(told).encode(),
        headers={k: v.encode() for k, v in example["headers"].items()},
    )
    envelope, event = parse(message)
    return learn([Received(message, envelope, event)])


@pytest.mark.parametrize("name", [event.TYPE for event in EVENTS])
def test_every_event_moves_how_far_grants_have_been_read(name: str) -> None:
    example = golden(name)
    citizen = learned_from(name).citizens[example["key"]]

    assert citizen.grants_version == int(example["headers"]["ce_streamversion"])


@pytest.mark.parametrize("name", [event.TYPE for event in EVENTS])
def test_only_what_changes_coverage_changes_a_card(name: str) -> None:
    example = golden(name)
    changes = [
        LearnedChange(
            citizen_id=example["key"],
            grants_version=int(example["headers"]["ce_streamversion"]),
            card_no="04817",
            effective_on=dt.date.fromisoformat(example["payload"]["effective_on"]),
            active=CHANGES[name],
        )
        for _ in range(name in CHANGES)
    ]

    assert learned_from(name).changes == changes


@pytest.mark.parametrize(
    ("name", "municipality_code"),
    [
        ("grant-issued", "751"),
        ("grant-transferred", "730"),
        ("grant-reactivated", "751"),
        ("grant-deactivated", None),
        ("application-received", None),
    ],
)
def test_r32_a_citizen_is_with_whoever_granted_took_over_or_reactivated_the_card(
    name: str, municipality_code: str | None
) -> None:
    (citizen,) = learned_from(name).citizens.values()

    assert citizen.municipality_code == municipality_code


def test_r14_an_appeal_that_overturns_nothing_changes_no_card() -> None:
    assert learned_from("appeal-decided", outcome="upheld", overturns=None).changes == []


def test_r14_an_overturned_refusal_lets_its_card_cover() -> None:
    (change,) = learned_from("appeal-decided", overturns="application-refused").changes

    assert change.active

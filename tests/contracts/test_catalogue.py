"""Every event of the published language: its name, its topic, and what it may never carry."""

import re
from typing import get_type_hints

import pydantic
import pytest

from frikort_contracts import imports, requests, types
from frikort_contracts.catalogue import BY_TOPIC, BY_TYPE
from frikort_contracts.events import Event

EVENTS = {
    "frikort-grants": {
        "grant-issued",
        "grant-reviewed",
        "grant-deactivated",
        "grant-reactivated",
        "grant-transferred",
        "grant-closed",
        "dispensation-granted",
        "appeal-decided",
        "citizen-reidentified",
        "application-received",
        "application-refused",
    },
    "frikort-payroll": {
        "employment-registered",
        "employment-ended",
        "wage-paid",
        "wage-reversed",
        "wage-misreported",
        "external-registration-confirmed",
    },
    "frikort-allowance": {
        "allowance-opened",
        "wage-apportioned",
        "apportionment-reversed",
        "allowance-low",
        "allowance-exhausted",
        "allowance-restored",
        "attention-raised",
    },
    "frikort-balances": {"balance"},
    "frikort-rules": {"annual-cap-set", "year-closed", "attention-raised"},
    "frikort-notifications": {
        "notification-requested",
        "notification-suppressed",
        "notification-submitted",
        "notification-delivered",
        "notification-failed",
    },
    "frikort-checkpoints": {"checkpoint-signed"},
}

PERSONAL = re.compile(
    r"cpr|name|phone|mobile|mail|address|birth|employer|contact|citizen_(?!id$)|person"
    r"|text|message|comment|note|_ref$|^ref$|body|language"
)
"""Words that no field on the bus may have in its name."""

TEXTS = {
    ("employment-registered", "sector"): "a trade",
    ("employment-registered", "consultant"): "an identifier, no name",
    ("annual-cap-set", "legal_basis"): "the law's own title and date",
    ("checkpoint-signed", "key_id"): "which of our keys signed",
    ("checkpoint-signed", "signature"): "made by a machine",
}
"""The only fields that hold text of no fixed form, and why they may travel."""

REQUESTS = [
    model
    for model in vars(requests).values()
    if isinstance(model, type) and issubclass(model, types.Request) and model is not types.Request
]


@pytest.mark.parametrize("topic", EVENTS)
def test_every_event_travels_on_its_topic(topic: str) -> None:
    by_name = {declared.name: events for declared, events in BY_TOPIC.items()}

    assert {event.TYPE for event in by_name[topic]} == EVENTS[topic]
    assert all(name == BY_TYPE[name].TYPE for name in EVENTS[topic])


def test_no_event_but_attention_travels_elsewhere_or_twice() -> None:
    names = [event.TYPE for events in BY_TOPIC.values() for event in events]
    names.remove("attention-raised")  # of a citizen, and of a rule that is missing

    assert {topic.name for topic in BY_TOPIC} == EVENTS.keys()
    assert len(names) == len(set(names)) == len(BY_TYPE)


@pytest.mark.parametrize("event", BY_TYPE.values(), ids=BY_TYPE)
def test_an_event_is_frozen_and_ignores_what_it_does_not_know(event: type[Event]) -> None:
    assert event.model_config["frozen"] is True
    assert event.model_config["extra"] == "ignore"


def test_what_an_event_does_not_know_is_not_passed_on() -> None:
    read = BY_TYPE["citizen-reidentified"].model_validate_json(
        b'{"known_at": "2023-11-27T08:00:41Z", "came_later": 1}'
    )

    assert read.to_json() == b'{"known_at":"2023-11-27T08:00:41.000000Z"}'
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        read.known_at = read.known_at  # type: ignore[misc]


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda model: model.__name__)
def test_a_request_refuses_what_it_does_not_know(request_type: type[types.Request]) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        request_type.model_validate({"amuont_ore": 1})

    assert ("extra_forbidden", ("amuont_ore",)) in {
        (error["type"], error["loc"]) for error in refused.value.errors()
    }


def test_answers_survive_fields_that_come_later() -> None:
    position = imports.Position.model_validate(
        {"service": "grants", "citizen_id": "a", "version": 1, "came_later": 1}
    )

    assert position.version == 1


@pytest.mark.parametrize("event", BY_TYPE.values(), ids=BY_TYPE)
def test_no_field_on_the_bus_is_personal(event: type[Event]) -> None:
    assert personal_fields(event) == []


@pytest.mark.parametrize("event", BY_TYPE.values(), ids=BY_TYPE)
def test_text_of_no_fixed_form_travels_only_where_it_is_allowed(event: type[Event]) -> None:
    allowed = {field for name, field in TEXTS if name == event.TYPE}

    assert loose_texts(event) == allowed


@pytest.mark.parametrize(
    "field",
    ["cpr", "holder_name", "phone", "employer", "contact", "wage_ref", "reason_text", "e_mail"],
)
def test_the_guard_sees_a_personal_field(field: str) -> None:
    leaking = pydantic.create_model("Leaking", __base__=Event, **{field: (str, ...)})  # type: ignore[call-overload]

    assert personal_fields(leaking) == [field]


def test_the_guard_sees_a_reason_in_free_words() -> None:
    leaking = pydantic.create_model("Leaking", __base__=Event, reason=(types.FreeText | None, None))

    assert loose_texts(leaking) == {"reason"}


def personal_fields(event: type[Event]) -> list[str]:
    return [name for name in event.model_fields if PERSONAL.search(name)]


def loose_texts(event: type[Event]) -> set[str]:
    """Name the text fields that neither a pattern nor a list of values holds to a form."""
    schema = event.model_json_schema(mode="serialization")
    hints = get_type_hints(event)
    loose = set()
    for name, field in schema["properties"].items():
        assert name in hints
        kinds = [kind.get("items", kind) for kind in field.get("anyOf", [field])]
        texts = [kind for kind in kinds if kind.get("type") == "string"]
        held = {"pattern", "enum", "const"}
        if any(not held & kind.keys() and kind.get("format") != "date" for kind in texts):
            loose.add(name)
        assert not any(kind.get("type") in {"object", "array"} for kind in kinds), "look inside too"
    return loose

"""A schema, once released, only grows: each kind of break is named, growth is let through."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from frikort_contracts import generate
from frikort_contracts.compatibility import breaks, schema_breaks

Record = dict[str, Any]
RELEASED: Record = json.loads(
    (Path(generate.__file__).parents[1] / "released.json").read_text("utf-8")
)
CURRENT: Record = generate.record()
PAYMENT_METHODS = "['bank', 'cash', 'mobilepay']"
WAGE_URN = "urn:frikort:schema:wage-paid"


def test_the_language_has_only_grown_since_the_last_release() -> None:
    assert breaks(RELEASED, CURRENT) == []


def wage(record: Record) -> Record:
    schema: Record = record["schemas"]["wage-paid.v1.json"]
    return schema


def field(record: Record, name: str) -> Record:
    found: Record = wage(record)["properties"][name]
    return found


def require_new(record: Record) -> None:
    wage(record)["properties"]["shift"] = {"type": "string"}
    wage(record)["required"].append("shift")


def rename(record: Record) -> None:
    properties = wage(record)["properties"]
    properties["paid_at"] = properties.pop("paid_on")
    wage(record)["required"].remove("paid_on")


BREAKS: dict[str, tuple[Callable[[Record], Any], str]] = {
    "a removed field": (
        lambda r: wage(r)["properties"].pop("pension_ore"),
        "wage-paid.v1.json: payload.pension_ore: removed",
    ),
    "a renamed field": (rename, "wage-paid.v1.json: payload.paid_on: removed"),
    "a new required field": (require_new, "wage-paid.v1.json: payload.shift: became required"),
    "a field that became required": (
        lambda r: wage(r)["required"].append("pension_ore"),
        "wage-paid.v1.json: payload.pension_ore: became required",
    ),
    "a field that became optional": (
        lambda r: wage(r)["required"].remove("paid_on"),
        "wage-paid.v1.json: payload.paid_on: became optional",
    ),
    "a changed type": (
        lambda r: field(r, "amount_ore").update(type="string"),
        "wage-paid.v1.json: payload.amount_ore: type changed from 'integer' to 'string'",
    ),
    "a lost type": (
        lambda r: field(r, "amount_ore").pop("type"),
        "wage-paid.v1.json: payload.amount_ore: type changed from 'integer' to None",
    ),
    "a removed value": (
        lambda r: field(r, "payment_method")["enum"].remove("cash"),
        "wage-paid.v1.json: payload.payment_method: value 'cash' removed",
    ),
    "a list of values where there was none": (
        lambda r: field(r, "card_no").update(enum=["00001"]),
        "wage-paid.v1.json: payload.card_no: enum changed from None to ['00001']",
    ),
    "a list of values given up": (
        lambda r: field(r, "payment_method").pop("enum"),
        f"wage-paid.v1.json: payload.payment_method: enum changed from {PAYMENT_METHODS} to None",
    ),
    "a lower maximum": (
        lambda r: field(r, "amount_ore").update(maximum=10),
        "wage-paid.v1.json: payload.amount_ore: maximum changed from 1000000000000 to 10",
    ),
    "a higher maximum": (
        lambda r: field(r, "amount_ore").update(maximum=2 * 10**12),
        f"wage-paid.v1.json: payload.amount_ore: maximum changed from {10**12} to {2 * 10**12}",
    ),
    "a higher minimum": (
        lambda r: field(r, "pension_ore").update(minimum=1),
        "wage-paid.v1.json: payload.pension_ore: minimum changed from 0 to 1",
    ),
    "a bound where there was none": (
        lambda r: field(r, "grants_version").update(maximum=99),
        "wage-paid.v1.json: payload.grants_version: maximum changed from None to 99",
    ),
    "another pattern": (
        lambda r: field(r, "card_no").update(pattern="^[0-9]{6}$"),
        "wage-paid.v1.json: payload.card_no: pattern changed from '^[0-9]{5}$' to '^[0-9]{6}$'",
    ),
    "another format": (
        lambda r: field(r, "paid_on").update(format="date-time"),
        "wage-paid.v1.json: payload.paid_on: format changed from 'date' to 'date-time'",
    ),
    "unknown fields refused": (
        lambda r: wage(r).update(additionalProperties=False),
        "wage-paid.v1.json: payload: additionalProperties changed from True to False",
    ),
    "another identity": (
        lambda r: wage(r).update({"$id": f"{WAGE_URN}:v2"}),
        f"wage-paid.v1.json: payload: $id changed from '{WAGE_URN}:v1' to '{WAGE_URN}:v2'",
    ),
    "a removed event": (
        lambda r: r["schemas"].pop("wage-paid.v1.json"),
        "wage-paid.v1.json: schema removed",
    ),
    "a header that became required": (
        lambda r: r["schemas"]["envelope-headers.v1.json"]["required"].append("traceparent"),
        "envelope-headers.v1.json: payload.traceparent: became required",
    ),
    "a removed topic": (
        lambda r: r["topics"].pop("frikort-rules"),
        "frikort-rules: topic removed",
    ),
    "an event that moved": (
        lambda r: r["topics"]["frikort-payroll"]["events"].remove("wage-paid"),
        "frikort-payroll: wage-paid left the topic",
    ),
    "more partitions": (
        lambda r: r["topics"]["frikort-payroll"].update(partitions=24),
        "frikort-payroll: partitions changed from 12 to 24",
    ),
    "another key": (
        lambda r: r["topics"]["frikort-payroll"].update(key="card_no"),
        "frikort-payroll: key changed from 'citizen_id' to 'card_no'",
    ),
    "a removed example": (
        lambda r: r["examples"].pop("wage-paid.v1.json"),
        "wage-paid.v1.json: example removed",
    ),
    "an edited example": (
        lambda r: r["examples"].update({"wage-paid.v1.json": "0" * 64}),
        "wage-paid.v1.json: example edited; show what is new in another file",
    ),
    "events no longer kept": (
        lambda r: r["topics"]["frikort-payroll"].update(retention="latest"),
        "frikort-payroll: retention changed from 'for-ever' to 'latest'",
    ),
}

GROWTH: dict[str, Callable[[Record], Any]] = {
    "a new optional field": lambda r: wage(r)["properties"].update(shift={"type": "string"}),
    "a new value": lambda r: field(r, "payment_method")["enum"].append("cheque"),
    "a new event": lambda r: r["schemas"].update({"wage-seen.v1.json": {"type": "object"}}),
    "a new event on a topic": lambda r: r["topics"]["frikort-payroll"]["events"].append(
        "wage-seen"
    ),
    "a new topic": lambda r: r["topics"].update({"frikort-more": {}}),
    "another example": lambda r: r["examples"].update({"wage-paid-shift.v1.json": "0" * 64}),
    "other words": lambda r: wage(r).update(description="Said better."),
    "another order": lambda r: wage(r)["required"].reverse(),
    "a new reader": lambda r: r["topics"]["frikort-payroll"].update(readers=["notifications"]),
    "a new version": lambda r: r.update(version="9.0.0"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_break_is_named(kind: str) -> None:
    change, name = BREAKS[kind]

    assert name in breaks(CURRENT, changed(change))


@pytest.mark.parametrize("kind", BREAKS)
def test_a_break_is_all_that_is_named(kind: str) -> None:
    change, _ = BREAKS[kind]

    assert len(breaks(CURRENT, changed(change))) == 1


@pytest.mark.parametrize("kind", GROWTH)
def test_growth_is_let_through(kind: str) -> None:
    assert breaks(CURRENT, changed(GROWTH[kind])) == []


def test_a_change_inside_an_object_is_named_with_its_place() -> None:
    before = {"properties": {"place": {"properties": {"street": {"type": "string"}}}}}
    after = {"properties": {"place": {"properties": {"street": {"type": "integer"}}}}}

    found = list(schema_breaks(before, after))

    assert found == ["payload.place.street: type changed from 'string' to 'integer'"]


def changed(change: Callable[[Record], Any]) -> Record:
    record = copy.deepcopy(CURRENT)
    change(record)
    return record

import datetime as dt
import json
from dataclasses import dataclass

import pytest

from services.chassis.codec import Codec, kebab
from services.chassis.identifiers import RandomIdentifiers, derived_id, traceparent


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingHappened:
    happened_on: dt.date
    amount_ore: int
    sector: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingUndone:
    amount_ore: int


CODEC: Codec[ThingHappened | ThingUndone] = Codec([ThingHappened, ThingUndone])
HAPPENED = ThingHappened(happened_on=dt.date(2023, 5, 31), amount_ore=5)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("name", "written"),
    [("GrantIssued", "grant-issued"), ("Balance", "balance"), ("WageApportioned2", "wage-a…")],
)
def test_class_names_are_written_in_kebab_case(name: str, written: str) -> None:
    assert kebab(name) == written.replace("a…", "apportioned2")


def test_event_is_read_as_it_was_written() -> None:
    assert CODEC.decode(*CODEC.encode(HAPPENED)) == HAPPENED


def test_absent_fields_are_left_out() -> None:
    kind, data = CODEC.encode(HAPPENED)

    assert kind == "thing-happened"
    assert json.loads(data) == {"happened_on": "2023-05-31", "amount_ore": 5}


def test_history_with_a_field_of_a_later_version_is_read() -> None:
    data = '{"happened_on": "2023-05-31", "amount_ore": 5, "of_tomorrow": {"a": [1]}}'

    assert CODEC.decode("thing-happened", data) == HAPPENED


def test_type_that_this_version_does_not_know_is_an_error_not_a_guess() -> None:
    with pytest.raises(KeyError):
        CODEC.decode("thing-of-tomorrow", "{}")


def test_derived_identifiers_repeat_and_random_ones_do_not() -> None:
    ids = RandomIdentifiers()

    assert derived_id("a", "b") == derived_id("a", "b") != derived_id("a", "c")
    assert ids.new() != ids.new()


def test_well_formed_trace_context_goes_on() -> None:
    assert traceparent(TRACE) == TRACE


@pytest.mark.parametrize(
    "received",
    [None, "", TRACE.upper(), TRACE + "\n", TRACE[:-1], "ff" + TRACE[2:], TRACE + "-more", "61x"],
)
def test_other_trace_context_is_not_passed_on(received: str | None) -> None:
    began = traceparent(received)

    assert began not in {received, TRACE}
    assert traceparent(began) == began

"""Stories with everything that may call for a person, and what their entries raise."""

import dataclasses
import datetime as dt
import json
from typing import Any

from frikort_contracts.types import format_moment
from services.allowance.domain import Cap
from services.allowance.posting import Entry, Rules
from services.chassis.inbox import Message
from tests.unit.ledger_cases import CAP_ORE, KNOWN_AT, Story, identity


class Tale(Story):
    """A story that knows employments, appeals, closings and when a fact was recorded."""

    def __init__(
        self, name: str = "citizen", card_no: str = "00123", *, known_at: str = KNOWN_AT
    ) -> None:
        super().__init__(name, card_no)
        self._known_at = known_at

    def employed(
        self, starts_on: str, *, known_at: str = "2019-01-01T10:00:00.000000Z", **more: Any
    ) -> Message:
        return self._payroll(
            "employment-registered",
            1,
            known_at=known_at,
            employment_id=identity("employment"),
            cvr="25313763",
            sector="shop",
            starts_on=starts_on,
            **more,
        )

    def ended(self, ends_on: str) -> Message:
        return self._payroll(
            "employment-ended", 1, employment_id=identity("employment"), ends_on=ends_on
        )

    def misreported(self, name: str) -> Message:
        return self._payroll("wage-misreported", 1, wage_id=identity(name), found_on="2023-04-01")

    def closed(self, effective_on: str) -> Message:
        return self._grant(
            "grant-closed", effective_on=effective_on, decided_on=effective_on, cause="death"
        )

    def appeal(
        self,
        effective_on: str,
        *,
        decided_on: str = "2023-11-20",
        outcome: str = "overturned",
        overturns: str | None = "grant-deactivated",
    ) -> Message:
        about = {} if overturns is None else {"overturns": overturns}
        return self._grant(
            "appeal-decided",
            outcome=outcome,
            effective_on=effective_on,
            decided_on=decided_on,
            **about,
        )

    def other_grant(self, kind: str) -> Message:
        return self._grant(kind)

    def wage(  # type: ignore[override]  # more may be said of it
        self,
        name: str,
        paid_on: str,
        amount_ore: int,
        *,
        rests_on: int = 1,
        at: dt.datetime | None = None,
        code: str = "751",
        holiday_pay_ore: int | None = None,
        known_at: str | None = None,
    ) -> Message:
        about = {} if holiday_pay_ore is None else {"holiday_pay_ore": holiday_pay_ore}
        made = self._payroll(
            "wage-paid",
            rests_on,
            known_at=self._known_at if known_at is None else known_at,
            wage_id=identity(name),
            employment_id=identity("employment"),
            paid_on=paid_on,
            amount_ore=amount_ore,
            **about,
        )
        return _recorded(made, at, code)

    def reversal(  # type: ignore[override]  # more may be said of it
        self,
        name: str,
        paid_on: str,
        amount_ore: int,
        *,
        rests_on: int = 1,
        at: dt.datetime | None = None,
    ) -> Message:
        made = super().reversal(name, paid_on, amount_ore, rests_on=rests_on)
        return _recorded(made, at, "751")


def _recorded(message: Message, at: dt.datetime | None, code: str) -> Message:
    headers = message.headers | {"ce_municipality": code.encode()}
    if at is not None:
        headers["ce_time"] = format_moment(at).encode()
    return dataclasses.replace(message, headers=headers)


def raised(entry: Entry) -> list[dict[str, Any]]:
    """Give what an entry's bytes say of the cases it raises."""
    return [
        {name: value for name, value in event.items() if name not in {"id", "type"}}
        for event in json.loads(entry.content)["events"]
        if event["type"] == "attention-raised"
    ]


def codes(entry: Entry) -> list[str]:
    """Name the cases that an entry raises, in order."""
    return [case["code"] for case in raised(entry)]


def two_caps() -> Rules:
    """Give the rules of 2023: 20,000 kr, and 40,000 kr for the whole year from 1 July."""
    first = Cap(
        version=1,
        year=2023,
        amount_ore=CAP_ORE,
        in_force_from=dt.date(2023, 1, 1),
        known_at=dt.datetime(2022, 12, 28, tzinfo=dt.UTC),
    )
    second = Cap(
        version=2,
        year=2023,
        amount_ore=2 * CAP_ORE,
        in_force_from=dt.date(2023, 7, 1),
        known_at=dt.datetime(2023, 6, 1, tzinfo=dt.UTC),
    )
    return Rules(2, {2023: [first, second]})

"""Source events for tests of the ledger, and a posting without a database."""

import datetime as dt
import itertools
import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from frikort_contracts.envelope import Envelope, to_headers
from frikort_contracts.topics import GRANTS, PAYROLL, partition_of
from frikort_contracts.types import format_moment
from services.allowance.domain import Cap
from services.allowance.pages import Page
from services.allowance.posting import Entry, Posting, Rules
from services.allowance.translate import read
from services.chassis.inbox import Inbox, Message

KNOWN_AT = "2026-01-05T10:00:00.000000Z"
NOW = dt.datetime(2026, 1, 6, 12, tzinfo=dt.UTC)
CAP_ORE = 20_000_00


def identity(name: str) -> str:
    """Give the same UUID for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


class Story:
    """One citizen's source events, numbered as grants and payroll would number them.

    `municipality_code` and `recorded_at` are those of the next event.
    """

    def __init__(self, name: str = "citizen", card_no: str = "00123") -> None:
        self.citizen_id = identity(name)
        self.card_no = card_no
        self.grants_version = 0
        self.payroll_version = 0
        self.municipality_code = "751"
        self.recorded_at = NOW
        self._offsets = {GRANTS.name: itertools.count(), PAYROLL.name: itertools.count()}

    def issued(self, valid_from: str = "2023-01-01", *, municipality_code: str = "751") -> Message:
        return self._grant(
            "grant-issued",
            municipality_code=municipality_code,
            valid_from=valid_from,
            decided_on=valid_from,
            benefit="none",
            age_group="30-plus",
        )

    def deactivated(self, effective_on: str) -> Message:
        return self._grant("grant-deactivated", effective_on=effective_on, decided_on=effective_on)

    def reactivated(self, effective_on: str) -> Message:
        return self._grant("grant-reactivated", effective_on=effective_on, decided_on=effective_on)

    def wage(
        self,
        name: str,
        paid_on: str,
        amount_ore: int,
        *,
        rests_on: int = 1,
        known_at: dt.datetime | None = None,
    ) -> Message:
        return self._payroll(
            "wage-paid",
            rests_on,
            known_at=KNOWN_AT if known_at is None else format_moment(known_at),
            wage_id=identity(name),
            employment_id=identity("employment"),
            paid_on=paid_on,
            amount_ore=amount_ore,
        )

    def reversal(
        self,
        name: str,
        paid_on: str,
        amount_ore: int,
        *,
        rests_on: int = 1,
        known_at: dt.datetime | None = None,
    ) -> Message:
        return self._payroll(
            "wage-reversed",
            rests_on,
            known_at=KNOWN_AT if known_at is None else format_moment(known_at),
            wage_id=identity(name),
            paid_on=paid_on,
            amount_ore=amount_ore,
            reversed_on=paid_on,
        )

    def _grant(self, kind: str, **fields: Any) -> Message:
        self.grants_version += 1
        return self._message(GRANTS.name, kind, self.grants_version, fields)

    def _payroll(self, kind: str, grants_version: int, **fields: Any) -> Message:
        self.payroll_version += 1
        fields["grants_version"] = grants_version
        return self._message(PAYROLL.name, kind, self.payroll_version, fields)

    def _message(self, topic: str, kind: str, version: int, fields: dict[str, Any]) -> Message:
        event_id = identity(f"{self.citizen_id}/{topic}/{version}")
        envelope = Envelope(
            id=event_id,
            source=f"/{topic}",
            type=kind,
            subject=self.citizen_id,
            time=self.recorded_at,
            stream_version=version,
            correlation_id=event_id,
            municipality=self.municipality_code,
        )
        payload = {"known_at": KNOWN_AT, "card_no": self.card_no, **fields}
        return Message(
            topic,
            partition_of(self.citizen_id),
            next(self._offsets[topic]),
            self.citizen_id.encode(),
            json.dumps(payload, separators=(",", ":")).encode(),
            dict(to_headers(envelope)),
        )


def caps(*years: int, amount_ore: int = CAP_ORE) -> Rules:
    """Give rules in which some years have a cap that was always known."""
    known_at = dt.datetime(2018, 6, 8, tzinfo=dt.UTC)
    return Rules(
        len(years),
        {
            year: [
                Cap(
                    version=place,
                    year=year,
                    amount_ore=amount_ore,
                    in_force_from=dt.date(year, 1, 1),
                    known_at=known_at,
                )
            ]
            for place, year in enumerate(years, start=1)
        },
    )


def posting(rules: Rules, pages: Iterable[Page] = ()) -> Posting:
    """Give a posting that keeps everything in memory."""
    known = {page.citizen_id: page for page in pages}
    return Posting(
        pages=known,
        rules=rules,
        inbox=Inbox(None, []),
        now=NOW,
        journal_seq=dict.fromkeys(range(12), 0),
        originals={},
        wages={citizen_id: {} for citizen_id in known},
    )


def post(messages: Sequence[Message], rules: Rules) -> Posting:
    """Post messages in this order."""
    under_way = posting(rules)
    for message in messages:
        received = read(message)
        under_way.pages.setdefault(
            received.citizen_id, Page(received.citizen_id, message.partition)
        )
        under_way.wages.setdefault(received.citizen_id, {})
        under_way.receive(received)
    return under_way


def decisions(entries: Iterable[Entry]) -> list[tuple[str, int, int, str]]:
    """Give what was decided, in order: source type, covered, excess, reason."""
    return [
        (
            entry.received.source.type,
            entry.apportionment.covered_ore,
            entry.apportionment.excess_ore,
            entry.apportionment.reason.value,
        )
        for entry in entries
        if entry.apportionment is not None
    ]


def sent(entry: Entry) -> list[str]:
    """Give the types of the events an entry sends."""
    return [event["type"] for event in json.loads(entry.content)["events"]]

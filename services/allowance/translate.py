"""Between the wire and the ledger: source events in, journal entries out. Nothing else.

It reads tolerantly: of a message only what the ledger decides with is judged; the payload goes
into the entry as it came.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from frikort_contracts.topics import GRANTS, PAYROLL
from frikort_contracts.types import format_moment
from services.allowance.domain import CardChange, CardChangeKind, Wage
from services.allowance.entry import NotCanonicalError, Source, require_canonical
from services.chassis.errors import ContractError
from services.chassis.inbox import Message

EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
AMOUNT_ORE_MAX = 10**12
VERSION_MAX = 10**9

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEADERS = {
    "ce_type": rb"[a-z][a-z0-9-]{0,63}",
    "ce_id": _UUID.pattern.encode(),
    "ce_subject": _UUID.pattern.encode(),
    "ce_streamversion": rb"[1-9][0-9]{0,8}",
    "ce_municipality": rb"[1-8][0-9]{2}",
    "ce_correlationid": rb"[\x21-\x7e]{1,200}",
    "ce_time": _MOMENT.pattern.encode(),
    "traceparent": rb"[\x21-\x7e]{0,200}",
}
"""What the journal can keep: a message that cannot be written would stop its whole partition."""
_ALL_HEADERS = re.compile(b"\n".join(b"(%s)" % shape for shape in _HEADERS.values()))
"""All at once, for this runs for every wage."""
_CardNo = Annotated[str, Field(pattern="^[0-9]{5}$")]
_Uuid = Annotated[str, Field(pattern=f"^{_UUID.pattern}$")]
_Version = Annotated[int, Field(ge=0, le=VERSION_MAX)]
_PositiveOre = Annotated[int, Field(gt=0, le=AMOUNT_ORE_MAX)]
_Day = Annotated[dt.date, Field(ge=EARLIEST.date(), le=LATEST.date())]
_Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
_Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]
_MunicipalityCode = Annotated[str, Field(pattern="^[1-8][0-9]{2}$")]


class Body(BaseModel):
    """What every source event says."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    known_at: _Moment
    card_no: _CardNo | None = None


class PayrollBody(Body):
    """What every payroll event says."""

    grants_version: _Version


class WagePaidBody(PayrollBody):
    """A wage, as far as the ledger decides with it, or sees that a person must look."""

    card_no: _CardNo
    wage_id: _Uuid
    employment_id: str | None = None
    holiday_pay_ore: int | None = None
    paid_on: _Day
    amount_ore: _PositiveOre


class WageReversedBody(PayrollBody):
    """A reversal names the wage."""

    card_no: _CardNo
    wage_id: _Uuid


class WageMisreportedBody(PayrollBody):
    """A wage that the employer sent to eIndkomst by mistake."""

    card_no: _CardNo
    wage_id: _Uuid


class EmploymentRegisteredBody(PayrollBody):
    """An employment, as far as the status counts it."""

    card_no: _CardNo
    employment_id: _Uuid
    sector: _Word
    starts_on: _Day
    ends_on: _Day | None = None
    consultant: _Word | None = None


class EmploymentEndedBody(PayrollBody):
    """An employment's last day."""

    employment_id: _Uuid
    ends_on: _Day


class GrantIssuedBody(Body):
    """A card, as far as the ledger and the status need it."""

    card_no: _CardNo
    municipality_code: _MunicipalityCode
    valid_from: _Day
    decided_on: _Day
    benefit: _Word
    age_group: _Word


class CardChangedBody(Body):
    """A dated decision about a card."""

    card_no: _CardNo
    effective_on: _Day
    decided_on: _Day
    to_municipality_code: _MunicipalityCode | None = None


class AppealDecidedBody(Body):
    """A decision was upheld or overturned; an overturned one may work backwards (R14)."""

    card_no: _CardNo
    outcome: _Word
    overturns: _Word | None = None
    effective_on: _Day
    decided_on: _Day

    @property
    def restores_coverage(self) -> bool:
        """Whether the card covers from `effective_on`: what is upheld changes nothing."""
        return self.outcome == "overturned"


BODIES: dict[str, type[Body]] = {
    "wage-paid": WagePaidBody,
    "wage-reversed": WageReversedBody,
    "wage-misreported": WageMisreportedBody,
    "employment-registered": EmploymentRegisteredBody,
    "employment-ended": EmploymentEndedBody,
    "grant-issued": GrantIssuedBody,
    "grant-reviewed": CardChangedBody,
    "grant-deactivated": CardChangedBody,
    "grant-reactivated": CardChangedBody,
    "grant-transferred": CardChangedBody,
    "grant-closed": CardChangedBody,
    "appeal-decided": AppealDecidedBody,
}
"""Every other event is an entry without effect: applications, dispensations, a changed CPR."""
_COVERAGE: dict[str, CardChangeKind] = {
    "grant-deactivated": "deactivated",
    "grant-reactivated": "reactivated",
    "grant-closed": "closed",
}


@dataclass(slots=True)
class Received:
    """A source event as the ledger works with it. `known_text` is `known_at` as in the bytes.

    `grants_version`: the grant state the event names; of a grant event, its own version.
    """

    message: Message
    citizen_id: str
    source: Source
    body: Body
    municipality_code: str
    known_text: str
    grants_version: int


def body_type(topic: str, kind: str) -> type[Body]:
    """Choose what an event of a topic is read as; one of the other topic's types has no effect."""
    default = PayrollBody if topic == PAYROLL.name else Body
    found = BODIES.get(kind, default)
    return found if issubclass(found, default) else default


def read(message: Message) -> Received:
    """Read one source event.

    Raises:
        ContractError: headers or payload cannot be read; the reason is a code.
    """
    kind, source_id, citizen_id, version, municipality_code = _read_headers(message.headers)
    try:
        body = body_type(message.topic, kind).model_validate_json(message.value)
        payload = orjson.loads(message.value)
        require_canonical(payload)
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise ContractError("payload-unreadable", type(error).__name__) from error
    except NotCanonicalError as error:
        raise ContractError("payload-not-canonical", str(error)) from error
    known_text = payload["known_at"]
    if _MOMENT.fullmatch(known_text) is None:
        known_text = format_moment(body.known_at)
    return Received(
        message,
        citizen_id,
        Source(
            type=kind,
            id=source_id,
            version=version,
            payload=payload,
            sha256=hashlib.sha256(message.value).hexdigest(),
        ),
        body,
        municipality_code,
        known_text,
        version if message.topic == GRANTS.name else body.grants_version,  # type: ignore[attr-defined]
    )


def _read_headers(headers: Mapping[str, bytes]) -> tuple[str, str, str, int, str]:
    """Read what the ledger needs of the headers: type, id, citizen, version, municipality."""
    found = _ALL_HEADERS.fullmatch(b"\n".join([headers.get(name, b"") for name in _HEADERS]))
    if found is None:
        raise ContractError("headers-unreadable", f"header {_unreadable(headers)} is unreadable")
    kind, source_id, citizen_id, version, municipality_code, _, time, _ = found.groups()
    try:
        dt.datetime.fromisoformat(time.decode())
    except ValueError as error:
        raise ContractError("headers-unreadable", "header ce_time is no moment") from error
    return (
        kind.decode(),
        source_id.decode(),
        citizen_id.decode(),
        int(version),
        municipality_code.decode(),
    )


def _unreadable(headers: Mapping[str, bytes]) -> str:
    """Name the first header that cannot be read."""
    return next(
        name
        for name, shape in _HEADERS.items()
        if re.fullmatch(shape, headers.get(name, b"")) is None
    )


def is_citizen_id(text: str) -> bool:
    """Tell whether a subject names a citizen: a UUID in its usual form."""
    return _UUID.fullmatch(text) is not None


def to_wage(body: WagePaidBody) -> Wage:
    """Give the wage to apportion."""
    return Wage(
        body.card_no,
        body.paid_on,
        body.amount_ore,
        body.grants_version,
        body.known_at,
    )


def to_card_change(received: Received) -> CardChange | None:
    """Give the change of coverage that a grant event brings, None if it brings none."""
    body, source = received.body, received.source
    if isinstance(body, GrantIssuedBody):
        kind: CardChangeKind = "issued"
        effective_on = body.valid_from
    elif isinstance(body, CardChangedBody) and source.type in _COVERAGE:
        kind = _COVERAGE[source.type]
        effective_on = body.effective_on
    elif isinstance(body, AppealDecidedBody) and body.restores_coverage:
        kind = "overturned"
        effective_on = body.effective_on
    else:
        return None
    return CardChange(
        version=source.version,
        card_no=str(body.card_no),
        kind=kind,
        effective_on=effective_on,
    )


def recorded_at(message: Message) -> dt.datetime:
    """Give when the sender recorded an event (`ce_time`): what a closing is compared with."""
    return dt.datetime.fromisoformat(message.headers["ce_time"].decode())


def changes_to_json(changes: tuple[CardChange, ...]) -> str:
    """Write card changes as they are kept beside the journal."""
    rows = [[c.version, c.card_no, c.kind, c.effective_on.isoformat()] for c in changes]
    return orjson.dumps(rows).decode()


def changes_from_json(text: str) -> tuple[CardChange, ...]:
    """Read card changes."""
    return tuple(
        CardChange(
            version=version,
            card_no=card_no,
            kind=kind,
            effective_on=dt.date.fromisoformat(effective_on),
        )
        for version, card_no, kind, effective_on in orjson.loads(text)
    )

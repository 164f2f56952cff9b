"""A list from Socialtfrikort.dk beside our wages: what is missing on either side, what differs.

What agrees is confirmed under the list's reference; what the list does not hold becomes missing.
All in one transaction; the same list again changes nothing. Why so:
docs/decisions/0011-external-registration.md.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from frikort_contracts.answers import Difference, Differing, OnlyHere
from frikort_contracts.requests import (
    ConfirmRegistrationRequest,
    ListedRegistration,
    ReconcileRequest,
)
from frikort_contracts.types import Contract
from services.chassis.clock import business_date
from services.chassis.database import Connection, Pool, deciding_again, transaction
from services.chassis.workspace import Command, Tools
from services.payroll import store
from services.payroll.handlers import PayrollWorkspace
from services.payroll.matching import Comparison, OurWage, Pair, compare
from services.payroll.store import Missing
from services.payroll.wages import RecordedWage, Registration, load_wages

CITIZENS_PER_READ = 200


class Reconciliation(Contract):
    """What came of a list: `agree` counts its rows that we have too, in everything.

    `confirmed` counts the wages whose registration became known by this list.
    """

    first_on: dt.date
    last_on: dt.date
    rows: int
    agree: int
    confirmed: int
    differs: tuple[Differing, ...]
    only_there: tuple[ListedRegistration, ...]
    only_here: tuple[OnlyHere, ...]


@dataclass(slots=True, kw_only=True)
class _Ours:
    """Our wages that stand, in order of payment; `versions`: how far each citizen was read."""

    wages: dict[str, RecordedWage]
    registrations: dict[str, Registration]
    versions: dict[str, int]

    def listed(self) -> list[OurWage]:
        return [
            OurWage(
                wage_id=wage.wage_id,
                card_no=wage.card_no,
                cvr=wage.cvr,
                paid_on=wage.paid_on,
                amount_ore=wage.amount_ore,
                external_ref=wage.external_ref,
            )
            for wage in self.wages.values()
        ]


async def reconcile(
    pool: Pool, tools: Tools, request: ReconcileRequest, *, traceparent: str
) -> Reconciliation:
    """Compare a list with our wages, and note what it tells unless it is a dry run.

    Raises:
        Rejection: a wage was reversed while the list was being compared; send it again.
        ConflictError: others were first three times.
    """

    async def attempt() -> Reconciliation:
        async with transaction(pool) as connection:
            ours = await _load(connection, tools)
            rows = list({row.external_ref: row for row in request.rows}.values())
            comparison = await asyncio.to_thread(  # a long list takes seconds
                compare,
                rows,
                ours.listed(),
                first_on=request.first_on,
                last_on=request.last_on,
            )
            today = business_date(tools.clock.now())
            confirmations = _confirmations(comparison, ours, today)
            if not request.dry_run:
                await _confirm(connection, tools, confirmations, traceparent)
                await _note_missing(connection, comparison, ours, today)
        return _report(request, comparison, ours, confirmed=len(confirmations))

    return await deciding_again(attempt)


async def _load(connection: Connection, tools: Tools) -> _Ours:
    """Fold every citizen's wages, some citizens at a time."""
    wages: list[RecordedWage] = []
    versions: dict[str, int] = {}
    citizens = await store.find_paid_citizens(connection)
    for first in range(0, len(citizens), CITIZENS_PER_READ):
        some = citizens[first : first + CITIZENS_PER_READ]
        for citizen_id, folded in (await load_wages(connection, tools.vault, some)).items():
            versions[citizen_id] = max(wage.events[-1].version for wage in folded.values())
            for wage in folded.values():
                wage.events.clear()  # folded by now: their bytes are not needed any more
            wages += [wage for wage in folded.values() if not wage.is_reversed]
    missing = await store.find_missing(connection, [wage.wage_id for wage in wages])
    wages.sort(key=lambda wage: (wage.paid_on, wage.card_no, wage.wage_id))
    return _Ours(
        wages={wage.wage_id: wage for wage in wages},
        registrations={
            wage.wage_id: wage.registration(missing.get(wage.wage_id)) for wage in wages
        },
        versions=versions,
    )


def _confirmations(
    comparison: Comparison, ours: _Ours, today: dt.date
) -> list[ConfirmRegistrationRequest]:
    """Name the wages whose registration is news: they agree, and were not confirmed so far."""
    return [
        ConfirmRegistrationRequest(
            wage_ref=wage_ref, external_ref=pair.row.external_ref, confirmed_on=today
        )
        for pair in comparison.pairs
        if not pair.differences
        and ours.registrations[pair.wage.wage_id].state != "confirmed"
        and (wage_ref := ours.wages[pair.wage.wage_id].wage_ref) is not None
    ]


async def _confirm(
    connection: Connection,
    tools: Tools,
    confirmations: Sequence[ConfirmRegistrationRequest],
    traceparent: str,
) -> None:
    """Record confirmations as if each had come by itself."""
    workspace = PayrollWorkspace(tools)
    commands = [
        Command(
            operation="external-registrations",
            request=confirmation,
            key=None,
            traceparent=traceparent,
        )
        for confirmation in confirmations
    ]
    await workspace.load(connection, commands)
    for command in commands:
        workspace.handle(command)
    await workspace.flush(connection)


async def _note_missing(
    connection: Connection, comparison: Comparison, ours: _Ours, today: dt.date
) -> None:
    await store.delete_missing(connection, [pair.wage.wage_id for pair in comparison.pairs])
    await store.upsert_missing(
        connection,
        {
            wage.wage_id: Missing(
                version=ours.versions[ours.wages[wage.wage_id].citizen_id], missing_on=today
            )
            for wage in comparison.only_here
        },
    )


def _report(
    request: ReconcileRequest, comparison: Comparison, ours: _Ours, *, confirmed: int
) -> Reconciliation:
    differing = [pair for pair in comparison.pairs if pair.differences]
    return Reconciliation(
        first_on=request.first_on,
        last_on=request.last_on,
        rows=len(comparison.pairs) + len(comparison.only_there),
        agree=len(comparison.pairs) - len(differing),
        confirmed=confirmed,
        differs=tuple(_differing(pair, ours.wages) for pair in differing),
        only_there=comparison.only_there,
        only_here=tuple(
            OnlyHere(
                wage_ref=ours.wages[wage.wage_id].wage_ref,
                card_no=wage.card_no,
                cvr=wage.cvr,
                paid_on=wage.paid_on,
                amount_ore=wage.amount_ore,
                external_ref=wage.external_ref,
            )
            for wage in comparison.only_here
        ),
    )


def _differing(pair: Pair, wages: Mapping[str, RecordedWage]) -> Differing:
    return Differing(
        wage_ref=wages[pair.wage.wage_id].wage_ref,
        external_ref=pair.row.external_ref,
        differences=tuple(
            Difference(
                field=name,
                here=str(getattr(pair.wage, name)),
                there=str(getattr(pair.row, name)),
            )
            for name in pair.differences
        ),
    )

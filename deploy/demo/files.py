"""The history as the files that municipal systems would export, in their various notations.

The kinds, columns and notations are those that `frikort import` promises to read; every file
is written differently on purpose. Nothing else is known here.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.cards import Card
from deploy.demo.changes import Change
from deploy.demo.contacts import Contact
from deploy.demo.corrections import Reversal
from deploy.demo.jobs import Job
from deploy.demo.published import MUNICIPALITY_CODE
from deploy.demo.wages import Wage

DANISH_DATE = "%d-%m-%Y"
ISO_DATE = "%Y-%m-%d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """How one file is written."""

    columns: str
    encoding: str = "utf-8"
    separator: str = ";"
    quote_all: bool = False
    line_end: str = "\n"
    dates: str = ISO_DATE


NOTATIONS = {
    "grants": Notation(
        columns=(
            "cpr card_no municipality_code valid_from decided_on benefit age_group"
            " decision_ref registered_at"
        ),
        encoding="utf-8-sig",
        dates=DANISH_DATE,
    ),
    "grant-changes": Notation(
        columns="card_no change effective_on decided_on reason registered_at", separator=","
    ),
    "employments": Notation(
        columns=(
            "employment_ref card_no cvr employer sector starts_on ends_on consultant contact"
            " registered_at unsubsidised_attested"
        ),
        encoding="cp1252",
        line_end="\r\n",
        dates=DANISH_DATE,
    ),
    "wages": Notation(
        columns=(
            "wage_ref employment_ref card_no cvr paid_on amount_kr holiday_pay_kr pension_kr"
            " payment_method voucher_ref external_ref registered_at"
        ),
        separator=",",
        quote_all=True,
    ),
    "wage-reversals": Notation(columns="wage_ref reason reversed_on registered_at"),
    "contacts": Notation(columns="card_no phone language registered_at", line_end="\r\n"),
}
"""The six kinds of files, in the order in which they are imported."""

Row = list[str]


def grant_rows(cards: Iterable[Card]) -> list[Row]:
    """Write the grants as rows."""
    date = NOTATIONS["grants"].dates
    return [
        [
            card.cpr,
            card.card_no,
            MUNICIPALITY_CODE,
            f"{card.valid_from:{date}}",
            f"{card.decided_on:{date}}",
            card.benefit,
            card.age_group,
            card.decision_ref,
            f"{card.registered_at:{date}}",
        ]
        for card in cards
    ]


def change_rows(changes: Iterable[Change]) -> list[Row]:
    """Write the changes of grants as rows."""
    return [
        [
            change.card_no,
            change.change,
            change.effective_on.isoformat(),
            change.decided_on.isoformat(),
            change.reason,
            change.registered_at.isoformat(),
        ]
        for change in changes
    ]


def employment_rows(jobs: Iterable[Job]) -> list[Row]:
    """Write the employments as rows."""
    date = NOTATIONS["employments"].dates
    return [
        [
            job.employment_ref,
            job.card.card_no,
            job.firm.cvr,
            job.firm.name,
            job.firm.sector,
            f"{job.starts_on:{date}}",
            "" if job.ends_on is None else f"{job.ends_on:{date}}",
            job.consultant,
            job.firm.contact,
            job.registered_at.isoformat(),
            "true",
        ]
        for job in jobs
    ]


def wage_rows(referenced: Iterable[tuple[str, Wage]]) -> list[Row]:
    """Write the wages, each with its reference, as rows."""
    return [
        [
            wage_ref,
            wage.job.employment_ref,
            wage.job.card.card_no,
            wage.job.firm.cvr,
            wage.paid_on.isoformat(),
            _kroner(wage.amount_ore),
            _kroner(wage.holiday_pay_ore),
            _kroner(wage.pension_ore),
            wage.job.paid_by,
            wage.voucher_ref,
            wage.external_ref,
            wage.registered_at.isoformat(),
        ]
        for wage_ref, wage in referenced
    ]


def reversal_rows(referenced: Iterable[tuple[str, Reversal]]) -> list[Row]:
    """Write the reversals, each with its wage's reference, as rows."""
    return [
        [
            wage_ref,
            reversal.reason,
            reversal.reversed_on.isoformat(),
            reversal.registered_at.isoformat(),
        ]
        for wage_ref, reversal in referenced
    ]


def contact_rows(contacts: Iterable[Contact]) -> list[Row]:
    """Write the phone numbers as rows."""
    return [
        [contact.card_no, contact.phone, contact.language, contact.registered_at.isoformat()]
        for contact in contacts
    ]


def write_file(folder: Path, kind: str, rows: Iterable[Row]) -> Path:
    """Write the rows of one kind as `KIND.csv`, in that kind's notation."""
    notation = NOTATIONS[kind]
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=notation.separator,
        quoting=csv.QUOTE_ALL if notation.quote_all else csv.QUOTE_MINIMAL,
        lineterminator=notation.line_end,
    )
    writer.writerow(notation.columns.split())
    writer.writerows(rows)
    path = folder / f"{kind}.csv"
    path.write_bytes(text.getvalue().encode(notation.encoding))
    return path


def _kroner(amount_ore: int | None) -> str:
    """Write an amount as Danes do: 1.250,50, and whole kroner without decimals."""
    if amount_ore is None:
        return ""
    kroner, ore = divmod(amount_ore, 100)
    whole = f"{kroner:,}".replace(",", ".")
    return f"{whole},{ore:02d}" if ore else whole

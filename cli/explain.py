"""`frikort ledger explain`: why each wage was covered as it was, and why two answers differ.

Reads the ledger's tables as the auditor's role; what the rows mean is said by the same pure
functions that the service answers with.
"""

import datetime as dt
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.errors import Rejection
from cli.explain_difference import show_difference
from cli.explain_output import show_explanation
from cli.explain_words import Language
from cli.journal import auditor
from cli.output import JsonFlag, print_json, say
from frikort_contracts.explanations import Asked, Difference, Explanation
from frikort_contracts.topics import PAYROLL
from frikort_contracts.types import COPENHAGEN
from services.allowance.differences import compare
from services.allowance.explain import HolderRows, to_caps

if TYPE_CHECKING:
    import psycopg


def explain(
    card_no: options.CardNo,
    *,
    year: Annotated[
        int | None,
        typer.Option(min=2019, max=9999, help="A calendar year; every year if left out."),
    ] = None,
    from_as_of: Annotated[
        str | None, options.date_option("Compare: the first answer's last day.")
    ] = None,
    from_known_at: Annotated[
        str | None, options.moment_option("Compare: what the first answer knows.")
    ] = None,
    to_as_of: Annotated[
        str | None, options.date_option("Compare: the second answer's last day.")
    ] = None,
    to_known_at: Annotated[
        str | None, options.moment_option("Compare: what the second answer knows.")
    ] = None,
    lang: Annotated[Language, typer.Option(help="The language of the reasons.")] = Language.ENGLISH,
    as_json: JsonFlag = False,
) -> None:
    """Explain each wage of a card's holder: covered, excess, reason, rule, basis, what was left.

    With --from-… or --to-… it compares two answers about a year instead, and lists the entries
    and caps that make them differ. What is left out counts everything recorded.
    """
    first = Asked(as_of=_date(from_as_of), known_at=_last_instant(from_known_at))
    second = Asked(as_of=_date(to_as_of), known_at=_last_instant(to_known_at))
    found: Explanation | Difference
    if first == second == Asked():
        found = read_card(card_no, year).explain(card_no, year)
    else:
        found = _compared(card_no, year, (first, second))
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif isinstance(found, Explanation):
        show_explanation(found, lang)
    else:
        show_difference(found, lang)


def read_card(card_no: str, year: int | None) -> HolderRows:
    """Read a card's holder from the ledger, in one snapshot.

    Raises:
        Rejection: the ledger has no such card.
        TransientError: the database is not known or does not answer.
    """
    with auditor(os.environ) as connection:
        citizen_id = _find_citizen(connection, card_no)
        journal = connection.execute(
            """
            SELECT
              entry_no, hash, bytes, source_type, card_no, wage_id, paid_on, known_at,
              recorded_at, limit_ore, source_topic
            FROM journal
            WHERE citizen_id = %(citizen_id)s
              AND (%(year)s::SMALLINT IS NULL OR year IS NULL OR year = %(year)s)
            ORDER BY entry_no
            """,
            {"citizen_id": citizen_id, "year": year},
        )
        changes = connection.execute(
            "SELECT changes::TEXT AS changes FROM citizens WHERE citizen_id = %s", [citizen_id]
        ).fetchone()
        rules = connection.execute(
            """
            SELECT version, type, year, amount_ore, in_force_from, known_at, legal_basis
            FROM rules
            ORDER BY version
            """
        )
        held = connection.execute(
            """
            SELECT reason, parked, headers, value, held_at
            FROM held_messages
            WHERE stream_id = %(citizen_id)s
              AND topic = %(topic)s
            ORDER BY message_offset
            """,
            {"citizen_id": citizen_id, "topic": PAYROLL.name},
        )
        return HolderRows(
            journal=list(journal),
            changes=changes["changes"] if changes else None,
            caps=to_caps(rules),
            held=list(held),
        )


def _compared(card_no: str, year: int | None, asked: tuple[Asked, Asked]) -> Difference:
    now = dt.datetime.now(dt.UTC)
    if year is None:
        year = now.astimezone(COPENHAGEN).year
        say(f"No --year was given: this compares answers about the current year, {year}.")
    rows = read_card(card_no, year)
    entries = rows.explain(card_no, year).entries
    return compare(card_no, year, asked, entries=entries, caps=rows.caps, now=now)


def _find_citizen(connection: "psycopg.Connection[dict[str, Any]]", card_no: str) -> str:
    found = connection.execute(
        "SELECT citizen_id::TEXT FROM cards WHERE card_no = %s", [card_no]
    ).fetchone()
    if found is None:
        raise Rejection(
            f"no grant of card {card_no} has arrived in the ledger; check the number "
            "(card-unknown)",
            code="card-unknown",
        )
    return str(found["citizen_id"])


def _date(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def _last_instant(text: str | None) -> dt.datetime | None:
    """Read a date as its last instant in Denmark, a time with its offset as it is."""
    if text is None:
        return None
    if "T" in text:
        return dt.datetime.fromisoformat(text)
    return dt.datetime.combine(dt.date.fromisoformat(text), dt.time.max, COPENHAGEN)

"""Notifications' own tables: whose a card is, and the texts with their claims."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from services.chassis.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A text that was requested."""

    notification_id: str
    citizen_id: str
    cause_id: str
    template: str
    template_version: int
    card_no: str
    requested_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """What became of a text: gateway and `submitted_at` stay as they were where they are None."""

    state: str
    reason: str | None = None
    gateway: str | None = None
    submitted_at: dt.datetime | None = None
    settled_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A text that this instance is about to submit; its contact is sealed under the card's key."""

    notification_id: str
    citizen_id: str
    template: str
    template_version: int
    attempt: int
    contact_card_no: str
    contact_version: int
    wrapped_key: bytes
    sealed: bytes


async def insert_cards(connection: Connection, cards: Mapping[str, str]) -> None:
    """Learn whose cards these are (card number → citizen)."""
    await connection.execute(
        """
        INSERT INTO cards (card_no, citizen_id)
        SELECT * FROM unnest($1::TEXT[], $2::UUID[])
        ON CONFLICT DO NOTHING
        """,
        list(cards),
        list(cards.values()),
    )


async def mark_deceased(
    connection: Connection, *, citizens: Sequence[str], card_nos: Sequence[str]
) -> None:
    """Note whose holders have died: the cards that are known of some citizens, and some cards."""
    await connection.execute(
        "UPDATE cards SET deceased = TRUE WHERE citizen_id = ANY($1::UUID[]) OR card_no = ANY($2)",
        list(citizens),
        list(card_nos),
    )


async def find_deceased(connection: Connection, *, limit: int) -> list[tuple[str, str]]:
    """Give texts (citizen, notification) for citizens who have died, locked."""
    rows = await connection.fetch(
        """
        SELECT t.citizen_id, t.notification_id
        FROM texts AS t
        WHERE t.state = 'requested'
          AND (SELECT bool_and(deceased) FROM cards WHERE cards.citizen_id = t.citizen_id)
        ORDER BY t.requested_at
        LIMIT $1
        FOR UPDATE OF t SKIP LOCKED
        """,
        limit,
    )
    return [(str(row["citizen_id"]), str(row["notification_id"])) for row in rows]


async def insert_texts(connection: Connection, rows: Sequence[TextRow]) -> None:
    """Write new texts down; the unique constraints decide between two writers."""
    if not rows:
        return
    await connection.execute(
        """
        INSERT INTO texts (
          notification_id, citizen_id, cause_id, template, template_version, card_no,
          requested_at, due_at, state
        )
        SELECT *, requested_at, 'requested'
        FROM unnest(
          $1::UUID[], $2::UUID[], $3::UUID[], $4::TEXT[], $5::SMALLINT[], $6::TEXT[],
          $7::TIMESTAMPTZ[]
        ) AS t (
          notification_id, citizen_id, cause_id, template, template_version, card_no,
          requested_at
        )
        """,
        *zip(*map(astuple, rows), strict=True),
    )


async def change_texts(connection: Connection, changes: Mapping[str, TextChange]) -> None:
    """Set what became of texts, and give up their claims."""
    if not changes:
        return
    await connection.execute(
        """
        UPDATE texts
        SET
          state = c.state,
          reason = c.reason,
          gateway = coalesce(c.gateway, texts.gateway),
          submitted_at = coalesce(c.submitted_at, texts.submitted_at),
          settled_at = c.settled_at,
          claimed_by = NULL,
          claimed_at = NULL
        FROM unnest(
          $1::UUID[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TIMESTAMPTZ[], $6::TIMESTAMPTZ[]
        ) AS c (notification_id, state, reason, gateway, submitted_at, settled_at)
        WHERE texts.notification_id = c.notification_id
        """,
        list(changes),
        *zip(*map(astuple, changes.values()), strict=True),
    )


async def find_texts(connection: Connection, card_no: str) -> list[Mapping[str, Any]]:
    """Give the rows of a card's texts, oldest first."""
    rows: list[Mapping[str, Any]] = await connection.fetch(
        "SELECT * FROM texts WHERE card_no = $1 ORDER BY requested_at, notification_id", card_no
    )
    return rows


async def find_citizens(connection: Connection, notification_ids: Sequence[str]) -> dict[str, str]:
    """Give the citizens whom texts are for; a text that is not ours is left out."""
    rows = await connection.fetch(
        """
        SELECT notification_id, citizen_id
        FROM texts
        WHERE notification_id = ANY($1::UUID[])
        """,
        list(notification_ids),
    )
    return {str(row["notification_id"]): str(row["citizen_id"]) for row in rows}


async def claim_texts(
    connection: Connection, *, instance: str, limit: int, failures_max: int, now: dt.datetime
) -> list[Claim]:
    """Take texts that are due and whose citizen has a contact: the newest of all their cards'.

    Not to one that was not reached `failures_max` times in a row. Two claimers never get the
    same text, and none waits for another.
    """
    rows = await connection.fetch(
        """
        WITH due AS (
          SELECT t.notification_id, c.card_no, c.version, c.sealed, k.wrapped_key
          FROM texts AS t
          CROSS JOIN LATERAL (
            SELECT contacts.*
            FROM cards
            JOIN contacts USING (card_no)
            WHERE cards.citizen_id = t.citizen_id
              AND contacts.sealed IS NOT NULL
            ORDER BY contacts.known_at DESC, contacts.card_no
            LIMIT 1
          ) AS c
          JOIN contact_keys AS k ON k.card_no = c.card_no
          WHERE t.state = 'requested'
            AND t.due_at <= $2
            AND c.failures < $4
            AND NOT (SELECT bool_and(deceased) FROM cards WHERE cards.citizen_id = t.citizen_id)
          ORDER BY t.due_at
          LIMIT $3
          FOR UPDATE OF t SKIP LOCKED
        )
        UPDATE texts
        SET
          state = 'submitting',
          attempts = texts.attempts + 1,
          claimed_by = $1,
          claimed_at = $2,
          contact_card_no = due.card_no,
          contact_version = due.version
        FROM due
        WHERE texts.notification_id = due.notification_id
        RETURNING texts.notification_id, texts.citizen_id, texts.template, texts.template_version,
          texts.attempts, due.card_no, due.version, due.wrapped_key, due.sealed
        """,
        instance,
        now,
        limit,
        failures_max,
    )
    return [_claim(row) for row in rows]


async def postpone_text(connection: Connection, claim: Claim, *, due_at: dt.datetime) -> None:
    """Give a claim back: the gateway has certainly not got the text, it is tried again later."""
    await connection.execute(
        """
        UPDATE texts
        SET
          state = 'requested',
          due_at = $3,
          claimed_by = NULL,
          claimed_at = NULL
        WHERE notification_id = $1
          AND state = 'submitting'
          AND attempts = $2
        """,
        claim.notification_id,
        claim.attempt,
        due_at,
    )


async def find_abandoned(
    connection: Connection, *, instance: str | None, claimed_before: dt.datetime
) -> list[tuple[str, str]]:
    """Give texts (citizen, notification) whose claimer has ended: an instance's own, or old ones.

    They are locked, so that two finders do not get the same.
    """
    rows = await connection.fetch(
        """
        SELECT citizen_id, notification_id
        FROM texts
        WHERE state = 'submitting'
          AND (claimed_by = $1 OR claimed_at < $2)
        FOR UPDATE SKIP LOCKED
        """,
        instance,
        claimed_before,
    )
    return [(str(row["citizen_id"]), str(row["notification_id"])) for row in rows]


async def find_unreachable(
    connection: Connection, *, requested_before: dt.datetime, limit: int
) -> list[tuple[str, str]]:
    """Give texts (citizen, notification) that waited too long for a contact, locked."""
    rows = await connection.fetch(
        """
        SELECT t.citizen_id, t.notification_id
        FROM texts AS t
        WHERE t.state = 'requested'
          AND t.requested_at < $1
          AND NOT EXISTS (
            SELECT
            FROM cards
            JOIN contacts USING (card_no)
            WHERE cards.citizen_id = t.citizen_id
              AND contacts.sealed IS NOT NULL
          )
        ORDER BY t.requested_at
        LIMIT $2
        FOR UPDATE OF t SKIP LOCKED
        """,
        requested_before,
        limit,
    )
    return [(str(row["citizen_id"]), str(row["notification_id"])) for row in rows]


async def find_failing(
    connection: Connection, *, failures_max: int, limit: int
) -> list[tuple[str, str]]:
    """Give texts (citizen, notification) whose citizen's newest contact is given up, locked."""
    rows = await connection.fetch(
        """
        SELECT t.citizen_id, t.notification_id
        FROM texts AS t
        CROSS JOIN LATERAL (
          SELECT contacts.failures
          FROM cards
          JOIN contacts USING (card_no)
          WHERE cards.citizen_id = t.citizen_id
            AND contacts.sealed IS NOT NULL
          ORDER BY contacts.known_at DESC, contacts.card_no
          LIMIT 1
        ) AS c
        WHERE t.state = 'requested'
          AND c.failures >= $1
        ORDER BY t.requested_at
        LIMIT $2
        FOR UPDATE OF t SKIP LOCKED
        """,
        failures_max,
        limit,
    )
    return [(str(row["citizen_id"]), str(row["notification_id"])) for row in rows]


async def count_failures(
    connection: Connection, *, undeliverable: Sequence[str], delivered: Sequence[str]
) -> None:
    """Count texts that did not reach their contact, and begin anew where one did."""
    for notification_ids, failures in ((undeliverable, "contacts.failures + 1"), (delivered, "0")):
        if notification_ids:
            await connection.execute(
                f"""
                UPDATE contacts
                SET failures = {failures}
                FROM texts
                WHERE texts.notification_id = ANY($1::UUID[])
                  AND contacts.card_no = texts.contact_card_no
                  AND contacts.version = texts.contact_version
                """,  # noqa: S608 - two expressions of our own
                list(notification_ids),
            )


async def count_open(connection: Connection) -> dict[str, int]:
    """Count the texts that are not settled, by state."""
    rows = await connection.fetch(
        """
        SELECT state, count(*) AS texts
        FROM texts
        WHERE state IN ('requested', 'submitting', 'submitted')
        GROUP BY state
        """
    )
    return {row["state"]: row["texts"] for row in rows}


def _claim(row: Mapping[str, Any]) -> Claim:
    return Claim(
        notification_id=str(row["notification_id"]),
        citizen_id=str(row["citizen_id"]),
        template=row["template"],
        template_version=row["template_version"],
        attempt=row["attempts"],
        contact_card_no=row["card_no"],
        contact_version=row["version"],
        wrapped_key=row["wrapped_key"],
        sealed=row["sealed"],
    )

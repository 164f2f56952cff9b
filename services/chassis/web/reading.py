"""Who reads a page, and the record of it: written in the request itself, before anything is shown.

The municipality's reverse proxy has signed the reader in and names them in a header; whoever
reaches the service past the proxy could name anybody, so only the proxy may reach it.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import Field

from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.errors import StateRejection
from services.chassis.settings import ServiceSettings

LOCAL_READER = "local"
"""Who reads in test mode when nobody is named."""
READER_CHARS_MAX = 200
QUESTION_CHARS_MAX = 1000
READS_SHOWN_MAX = 200


class ReaderUnknown(StateRejection):
    """No reader is named: the reverse proxy has not signed anybody in."""

    code = "reader-unknown"
    status = 401


class AuditorsOnly(StateRejection):
    """The page is for auditors, and the reader is none."""

    code = "auditors-only"
    status = 403


class ConsoleSettings(ServiceSettings):
    """What a service that serves pages is told beside the rest."""

    console_user_header: str = Field(
        default="X-Forwarded-User", description="the header in which the proxy names the reader"
    )
    console_auditors: str = Field(
        default="", description="readers, with commas, who may see who has read what"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One page shown to one reader."""

    read_no: int
    read_at: dt.datetime
    reader: str
    page: str
    card_no: str | None
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Tells who reads, and keeps what they read."""

    pool: Pool
    clock: Clock
    header: str
    auditors: frozenset[str]
    production: bool

    @classmethod
    def of(
        cls, pool: Pool, clock: Clock, settings: ConsoleSettings, *, production: bool
    ) -> "Readers":
        """Take from the settings how readers are named, and who of them is an auditor."""
        names = (name.strip() for name in settings.console_auditors.split(","))
        return cls(
            pool=pool,
            clock=clock,
            header=settings.console_user_header,
            auditors=frozenset(name for name in names if name),
            production=production,
        )

    def name(self, request: Request) -> str:
        """Give who reads.

        Raises:
            ReaderUnknown: the header is missing, or there are two, of which one may be the
                browser's own; in test mode `local` reads without one.
        """
        named = [name.strip() for name in request.headers.getlist(self.header)]
        if len(named) == 1 and named[0]:
            return named[0][:READER_CHARS_MAX]
        if len(named) > 1:
            raise ReaderUnknown(f"{self.header} came twice: the proxy must replace the browser's")
        if self.production:
            raise ReaderUnknown(f"sign in: no {self.header} came with the request")
        return LOCAL_READER

    def is_auditor(self, reader: str) -> bool:
        """Tell whether a reader may see who has read what: in test mode anyone may."""
        return reader in self.auditors or not self.production

    async def record(self, request: Request, *, card_no: str | None = None) -> str:
        """Record that a page is about to be shown, and give to whom.

        Raises:
            ReaderUnknown: nobody is named.
        """
        reader = self.name(request)
        await self.pool.execute(
            """
            INSERT INTO reads (read_at, reader, page, card_no, question)
            VALUES ($1, $2, $3, $4, $5)
            """,
            self.clock.now(),
            reader,
            request.scope["route"].path,
            card_no,
            request.url.query[:QUESTION_CHARS_MAX],
        )
        return reader

    async def latest(self, reader: str, *, card_no: str | None) -> list[Read]:
        """Give the latest reads, of one card or of everything, the newest first.

        Raises:
            AuditorsOnly: the one who asks is no auditor.
        """
        if not self.is_auditor(reader):
            raise AuditorsOnly("who has read what is for auditors to see")
        rows: list[Mapping[str, Any]] = await self.pool.fetch(
            """
            SELECT read_no, read_at, reader, page, card_no, question
            FROM reads
            WHERE $1::TEXT IS NULL OR card_no = $1
            ORDER BY read_no DESC
            LIMIT $2
            """,
            card_no,
            READS_SHOWN_MAX,
        )
        return [Read(**row) for row in rows]

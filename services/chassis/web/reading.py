"""Who reads a page and whose citizens they see; the record of it, written before it is shown.

The municipality's reverse proxy has signed the reader in, and names them and their municipality
in two headers; whoever reaches the service past the proxy could name anybody, so only the proxy
may reach it.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from fastapi import Request
from pydantic import Field, TypeAdapter, ValidationError

from frikort_contracts.types import MunicipalityCode
from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.errors import StateRejection
from services.chassis.settings import ServiceSettings

LOCAL_READER = "local"
"""Who reads in test mode when nobody is named."""
READER_CHARS_MAX = 200
QUESTION_CHARS_MAX = 1000
READS_SHOWN_MAX = 200
_MUNICIPALITY: Final[TypeAdapter[str]] = TypeAdapter(MunicipalityCode)


class ReaderUnknown(StateRejection):
    """No reader is named: the reverse proxy has not signed anybody in."""

    code = "reader-unknown"
    status = 401


class MunicipalityUnknown(StateRejection):
    """Nobody says for which municipality somebody reads who is no auditor."""

    code = "municipality-unknown"
    status = 403


class AuditorsOnly(StateRejection):
    """The page is for auditors, and the reader is none."""

    code = "auditors-only"
    status = 403


class ConsoleSettings(ServiceSettings):
    """What a service that serves pages is told beside the rest."""

    console_user_header: str = Field(
        default="X-Forwarded-User", description="the header in which the proxy names the reader"
    )
    console_municipality_header: str = Field(
        default="X-Forwarded-Municipality",
        description="the header in which the proxy names the reader's municipality",
    )
    console_auditors: str = Field(
        default="",
        description="readers, with commas, who see every municipality's, and who has read what",
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose citizens a reader sees (I11): one municipality's, or everybody's where it is None."""

    municipality_code: str | None = None

    @property
    def is_whole(self) -> bool:
        """Tell whether everybody's are seen."""
        return self.municipality_code is None

    def holds(self, municipality_code: str | None) -> bool:
        """Tell whether what is a municipality's own is seen; None: what is nobody's alone."""
        return self.is_whole or municipality_code == self.municipality_code

    def narrow(self, asked: str | None) -> str | None:
        """Give the municipality that is asked about: whoever sees one alone asks about that."""
        return asked if self.is_whole else self.municipality_code


EVERYTHING: Final = Scope()
AdmitCard: TypeAlias = Callable[[Scope, str], Awaitable[None]]
"""Refuses a card that a scope does not hold, in the words for one that is not known at all.

It is asked of no scope that holds everything: what is not known then is refused where it is read.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads, and whose citizens they see."""

    name: str
    scope: Scope


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
    """Tells who reads and what they may see, and keeps what they read."""

    pool: Pool
    clock: Clock
    admit_card: AdmitCard
    header: str
    municipality_header: str
    auditors: frozenset[str]
    production: bool

    @classmethod
    def of(
        cls,
        pool: Pool,
        clock: Clock,
        settings: ConsoleSettings,
        admit_card: AdmitCard,
        *,
        production: bool,
    ) -> "Readers":
        """Take from the settings how readers are named, and who of them is an auditor."""
        names = (name.strip() for name in settings.console_auditors.split(","))
        return cls(
            pool=pool,
            clock=clock,
            admit_card=admit_card,
            header=settings.console_user_header,
            municipality_header=settings.console_municipality_header,
            auditors=frozenset(name for name in names if name),
            production=production,
        )

    def identify(self, request: Request) -> Reader:
        """Give who reads, and whose citizens they see.

        Raises:
            ReaderUnknown, MunicipalityUnknown: see `name` and `scope`.
        """
        name = self.name(request)
        return Reader(name=name, scope=self.scope(request, name))

    def name(self, request: Request) -> str:
        """Give who reads.

        Raises:
            ReaderUnknown: the header is missing, or there are two, of which one may be the
                browser's own; in test mode `local` reads without one.
        """
        named = _values(request, self.header)
        if len(named) == 1 and named[0]:
            return named[0][:READER_CHARS_MAX]
        if len(named) > 1:
            raise ReaderUnknown(f"{self.header} came twice: the proxy must replace the browser's")
        if self.production:
            raise ReaderUnknown(f"sign in: no {self.header} came with the request")
        return LOCAL_READER

    def scope(self, request: Request, name: str) -> Scope:
        """Give whose citizens a reader sees: an auditor everybody's, others one municipality's.

        Raises:
            MunicipalityUnknown: the header is missing, no municipality's code, or there are two;
                in test mode everybody's are seen without one.
        """
        if name in self.auditors:
            return EVERYTHING
        header, codes = self.municipality_header, _values(request, self.municipality_header)
        if len(codes) > 1:
            raise MunicipalityUnknown(f"{header} came twice: the proxy must replace the browser's")
        if not any(codes):
            if self.production:
                raise MunicipalityUnknown(f"the proxy must pass the municipality's code: {header}")
            return EVERYTHING
        try:
            return Scope(_MUNICIPALITY.validate_python(codes[0]))
        except ValidationError:
            text = f"{header} must be a municipality's code, three digits"
            raise MunicipalityUnknown(text) from None

    async def record(self, request: Request, *, card_no: str | None = None) -> Reader:
        """Record that a page is about to be shown, and give to whom.

        Every page goes through here, so this is where a card is kept from those who may not see
        it; that it was asked for is recorded all the same.

        Raises:
            ReaderUnknown, MunicipalityUnknown: it is not said who reads, or for whom.
            NotFound: the card is another municipality's, or not known, and which is not said.
        """
        reader = self.identify(request)
        await self.pool.execute(
            """
            INSERT INTO reads (read_at, reader, page, card_no, question)
            VALUES ($1, $2, $3, $4, $5)
            """,
            self.clock.now(),
            reader.name,
            request.scope["route"].path,
            card_no,
            request.url.query[:QUESTION_CHARS_MAX],
        )
        if card_no is not None and not reader.scope.is_whole:
            await self.admit_card(reader.scope, card_no)
        return reader

    async def latest(self, reader: Reader, *, card_no: str | None) -> list[Read]:
        """Give the latest reads, of one card or of everything, the newest first.

        Raises:
            AuditorsOnly: the one who asks does not see everybody's.
        """
        if not reader.scope.is_whole:
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


def _values(request: Request, header: str) -> list[str]:
    """Give what a header says, as often as it came."""
    return [value.strip() for value in request.headers.getlist(header)]

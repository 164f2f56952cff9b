"""Who reads the console: named by the proxy, refused without, and only auditors see the others."""

import datetime as dt
from dataclasses import replace

import pytest
from fastapi import Request

from services.chassis.web.reading import AuditorsOnly, Readers, ReaderUnknown


class Closed:
    """A pool that nothing may be asked of."""


class Stopped:
    """A clock that nobody asks."""

    def now(self) -> dt.datetime:
        raise AssertionError("nothing is recorded")


IN_PRODUCTION = Readers(
    pool=Closed(),
    clock=Stopped(),
    header="X-Forwarded-User",
    auditors=frozenset({"revisor"}),
    production=True,
)
IN_TEST = replace(IN_PRODUCTION, production=False)


def request(**headers: str) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def test_reader_is_whom_the_proxy_names() -> None:
    asked = request(**{"X-Forwarded-User": " revisor "})

    assert [readers.name(asked) for readers in (IN_PRODUCTION, IN_TEST)] == ["revisor", "revisor"]


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-User": "  "}, {"X-User": "revisor"}])
def test_nobody_reads_unnamed_in_production(headers: dict[str, str]) -> None:
    with pytest.raises(ReaderUnknown) as refused:
        IN_PRODUCTION.name(request(**headers))

    assert (refused.value.code, refused.value.status) == ("reader-unknown", 401)
    assert IN_TEST.name(request(**headers)) == "local"


def test_name_that_comes_twice_is_nobodys() -> None:
    raw = [(b"x-forwarded-user", b"mallory"), (b"x-forwarded-user", b"revisor")]
    twice = Request({"type": "http", "headers": raw})

    for readers in (IN_PRODUCTION, IN_TEST):
        with pytest.raises(ReaderUnknown, match="came twice"):
            readers.name(twice)


async def test_only_an_auditor_sees_who_has_read_what() -> None:
    with pytest.raises(AuditorsOnly) as refused:
        await IN_PRODUCTION.latest("caseworker", card_no=None)

    assert (refused.value.code, refused.value.status) == ("auditors-only", 403)
    assert [IN_PRODUCTION.is_auditor(name) for name in ("revisor", "local", "")] == [
        True,
        False,
        False,
    ]
    assert IN_TEST.is_auditor("local") is True


async def test_what_nobody_may_see_is_not_recorded_as_seen() -> None:
    with pytest.raises(ReaderUnknown):
        await IN_PRODUCTION.record(request())

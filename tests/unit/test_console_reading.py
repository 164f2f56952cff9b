"""Who reads the console: named by the proxy with their municipality, refused without."""

import datetime as dt
from dataclasses import replace

import pytest
from fastapi import Request

from services.chassis.web.reading import (
    EVERYTHING,
    AuditorsOnly,
    MunicipalityUnknown,
    Reader,
    Readers,
    ReaderUnknown,
    Scope,
)


class Closed:
    """A pool that nothing may be asked of."""


class Stopped:
    """A clock that nobody asks."""

    def now(self) -> dt.datetime:
        raise AssertionError("nothing is recorded")


async def admit(_scope: Scope, _card_no: str) -> None:
    raise AssertionError("nothing is shown")


IN_PRODUCTION = Readers(
    pool=Closed(),
    clock=Stopped(),
    admit_card=admit,
    header="X-Forwarded-User",
    municipality_header="X-Forwarded-Municipality",
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


def named(name: str, *codes: str) -> Request:
    raw = [(b"x-forwarded-user", name.encode())]
    return Request(
        {
            "type": "http",
            "headers": raw + [(b"x-forwarded-municipality", code.encode()) for code in codes],
        }
    )


@pytest.mark.parametrize("code", ["751", " 751 ", "0751"])
def test_reader_sees_the_municipality_that_the_proxy_names(code: str) -> None:
    asked = named("caseworker", code)

    for readers in (IN_PRODUCTION, IN_TEST):
        assert readers.identify(asked) == Reader(name="caseworker", scope=Scope("751"))


@pytest.mark.parametrize("codes", [(), ("751",), ("751", "630"), ("Aarhus",)])
def test_auditor_sees_everything_whatever_municipality_is_named(codes: tuple[str, ...]) -> None:
    for readers in (IN_PRODUCTION, IN_TEST):
        assert readers.identify(named("revisor", *codes)).scope == EVERYTHING


@pytest.mark.parametrize("codes", [(), ("",), ("  ",)])
def test_reader_of_no_municipality_sees_nothing_in_production(codes: tuple[str, ...]) -> None:
    with pytest.raises(MunicipalityUnknown, match="must pass the municipality's code") as refused:
        IN_PRODUCTION.identify(named("caseworker", *codes))

    assert (refused.value.code, refused.value.status) == ("municipality-unknown", 403)
    assert IN_TEST.identify(named("caseworker", *codes)).scope == EVERYTHING


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (("751", "751"), "came twice"),
        (("", "751"), "came twice"),
        (("Aarhus",), "three digits"),
        (("900",), "three digits"),
        (("751,630",), "three digits"),
    ],
)
def test_municipality_that_is_none_or_two_is_nobodys(codes: tuple[str, ...], said: str) -> None:
    for readers in (IN_PRODUCTION, IN_TEST):
        with pytest.raises(MunicipalityUnknown, match=said):
            readers.identify(named("caseworker", *codes))


async def test_only_who_sees_everything_sees_who_has_read_what() -> None:
    for readers in (IN_PRODUCTION, IN_TEST):
        with pytest.raises(AuditorsOnly) as refused:
            await readers.latest(Reader(name="caseworker", scope=Scope("751")), card_no=None)

        assert (refused.value.code, refused.value.status) == ("auditors-only", 403)


async def test_what_nobody_may_see_is_not_recorded_as_seen() -> None:
    with pytest.raises(ReaderUnknown):
        await IN_PRODUCTION.record(request())


async def test_reader_of_no_municipality_is_not_recorded_as_having_seen() -> None:
    with pytest.raises(MunicipalityUnknown):
        await IN_PRODUCTION.record(named("caseworker"), card_no="00123")

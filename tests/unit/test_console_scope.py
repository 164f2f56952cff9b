"""A municipality's reader sees its own citizens only: each page, each pack, each refusal."""

import datetime as dt
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.allowance.console.admission import holds
from services.allowance.console.packs import PackUnknown, list_packs, open_pack
from services.chassis.web.reading import EVERYTHING, Scope
from tests.unit.console_scope_cases import (
    AUDITOR,
    MUNICIPALITY,
    USER,
    addresses,
    consoles,
    routes,
)
from tests.unit.test_console_pages import page

OWN, OTHER = Scope("751"), Scope("630")
CASEWORKER = {USER: "caseworker", MUNICIPALITY: "751"}
CARD = "00123"
TODAY = dt.date(2026, 1, 6)
FILTERS: dict[str, Any] = {
    "whole": {"kind": "all"},
    "card": {"kind": "card", "card_no": CARD},
    "ours": {"kind": "municipality", "municipality_code": "751"},
    "theirs": {"kind": "municipality", "municipality_code": "630"},
    "odd": "751",
    "misnamed": {"kind": "card", "municipality_code": "751"},
}


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """A browser before the consoles as they are in production."""
    transport = httpx.ASGITransport(app=consoles())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://console", follow_redirects=True
    ) as opened:
        yield opened


def test_every_kind_of_address_that_takes_a_card_is_gone_through() -> None:
    assert set(addresses(CARD)) == {
        f"/console/da?card_no={CARD}",
        f"/console/da/cards/{CARD}",
        f"/console/da/cards/{CARD}/moment",
        f"/console/da/cards/{CARD}/difference",
        f"/console/da/cards/{CARD}/entries",
        f"/console/da/cards/{CARD}/entries/1",
        f"/console/da/cards/{CARD}/proof",
        f"/console/da/reads?card_no={CARD}",
        f"/texts/da/cards/{CARD}",
        f"/texts/da/reads?card_no={CARD}",
    }


def test_no_address_names_a_citizen_but_by_a_card() -> None:
    named = {name for route in routes() for name in re.findall(r"{(\w+)}", route.path)}

    assert named == {"language", "card_no", "entry_no", "name"}  # the last one a pack's


@pytest.mark.parametrize("address", addresses(CARD))
async def test_no_page_reads_anything_of_a_card_that_is_refused(
    browser: httpx.AsyncClient, address: str
) -> None:
    answer = await browser.get(address, headers=CASEWORKER)

    assert answer.status_code == 404
    assert "<code>card-unknown</code>" in answer.text
    assert "Der er intet kort med det nummer." in answer.text


@pytest.mark.parametrize("address", [*addresses(CARD), "/console/en/health", "/console/en/packs"])
async def test_reader_of_no_municipality_is_told_what_the_proxy_must_pass(
    browser: httpx.AsyncClient, address: str
) -> None:
    answer = await browser.get(address.replace("/da", "/en"), headers={USER: "caseworker"})

    assert answer.status_code == 403
    assert "<code>municipality-unknown</code>" in answer.text
    assert "in the header X-Forwarded-Municipality" in answer.text


async def test_who_has_read_what_is_for_those_who_see_everything(
    browser: httpx.AsyncClient,
) -> None:
    for address in ("/console/da/reads", "/texts/da/reads"):
        answer = await browser.get(address, headers=CASEWORKER)
        assert (answer.status_code, "<code>auditors-only</code>" in answer.text) == (403, True)

        with pytest.raises(AssertionError, match="something was read"):
            await browser.get(address, headers={USER: AUDITOR})


def change(card_no: str, version: int, kind: str, effective_on: str, code: str | None) -> Any:
    return {
        "card_no": card_no,
        "version": version,
        "kind": kind,
        "effective_on": dt.date.fromisoformat(effective_on),
        "municipality_code": code,
    }


ISSUED = change(CARD, 1, "issued", "2023-01-01", "751")
NEXT = "00124"


@pytest.mark.parametrize(
    ("changes", "ours", "theirs"),
    [
        ([], False, False),
        ([ISSUED], True, False),
        ([ISSUED, change(CARD, 2, "transferred", "2026-01-06", "630")], False, True),
        ([ISSUED, change(CARD, 2, "transferred", "2026-01-07", "630")], True, False),
        ([ISSUED, change(CARD, 2, "deactivated", "2025-01-01", None)], True, False),
        ([ISSUED, change(NEXT, 2, "issued", "2026-06-01", "630")], False, False),
        ([ISSUED, change(NEXT, 2, "issued", "2024-01-01", "751")], True, False),
        (
            [
                ISSUED,
                change(NEXT, 2, "issued", "2024-01-01", "630"),
                change(CARD, 3, "reactivated", "2025-01-01", None),
            ],
            True,
            False,
        ),
        ([change(NEXT, 1, "issued", "2023-01-01", "751")], False, False),
    ],
    ids=[
        "unknown",
        "granted",
        "handed over today",
        "handed over tomorrow",
        "deactivated",
        "another municipality granted the next",
        "the same one granted the next",
        "covers again after the next",
        "another card's",
    ],
)
def test_card_is_seen_by_who_answers_for_it_and_for_its_holder(
    changes: list[Any], *, ours: bool, theirs: bool
) -> None:
    assert (holds(OWN, CARD, changes, TODAY), holds(OTHER, CARD, changes, TODAY)) == (ours, theirs)


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A folder with packs of every filter, of one that can't be read, and of none."""
    for name, said in FILTERS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps({"filter": said}))
    for name, text in (("broken", "{"), ("unsaid", "{}")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
    return tmp_path


def test_packs_of_its_own_filter_alone_are_a_municipalitys(ready: Path) -> None:
    seen = {
        scope.municipality_code: {pack.name for pack in list_packs(ready, scope)}
        for scope in (OWN, OTHER, Scope("101"), EVERYTHING)
    }

    assert seen == {
        "751": {"ours"},
        "630": {"theirs"},
        "101": set(),
        None: {*FILTERS, "broken", "unsaid"},
    }


def test_pack_of_another_is_refused_as_one_that_is_not_there(ready: Path) -> None:
    assert open_pack(ready, "ours", OWN) == ready / "ours"
    assert open_pack(ready, "whole", EVERYTHING) == ready / "whole"
    refused = []
    for name in ("theirs", "whole", "card", "broken", "nowhere"):
        with pytest.raises(PackUnknown) as error:
            open_pack(ready, name, OWN)
        refused.append(str(error.value))

    assert len(set(refused)) == 1


def test_whoever_sees_one_municipality_asks_about_that() -> None:
    assert (OWN.narrow("630"), OWN.narrow(None)) == ("751", "751")
    assert (EVERYTHING.narrow("630"), EVERYTHING.narrow(None)) == ("630", None)


@pytest.mark.parametrize(("chosen", "fields"), [(True, 1), (False, 0)])
async def test_municipality_is_asked_for_only_where_it_can_be_chosen(
    *, chosen: bool, fields: int
) -> None:
    html = await page(
        "status.html", "da", municipality="751", chosen=chosen, wrong=False, on=TODAY, s=None
    )

    assert html.count('name="municipality"') == fields

"""The console's pages as HTML: figures and reasons in both languages, no text taken as markup."""

import re
from typing import Any

import pytest
from fastapi import Request

from services.allowance.console.common import make_pages
from services.allowance.console.evidence import entry_view
from services.allowance.console.reading import Place
from services.chassis.web.pages import SECURITY_HEADERS
from tests.unit.console_cases import a_year, shown

PAGES = make_pages()
CARD: dict[str, Any] = {"texts_url": "/texts", "reader": "revisor"}


def request(language: str, path: str = "/cards/00123", query: str = "") -> Request:
    return Request(
        {
            "type": "http",
            "headers": [],
            "scheme": "http",
            "server": ("console", 80),
            "path": f"/console/{language}{path}",
            "query_string": query.encode(),
            "path_params": {"language": language},
        }
    )


async def page(template: str, language: str, **values: Any) -> str:
    answer = await PAGES.show(request(language), template, **(CARD | values))
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    return re.sub(r"\s+", " ", bytes(answer.body).decode())


async def an_entry(language: str, entry_no: int) -> str:
    rows = a_year()
    told = rows.explain("00123", None).entries
    explained = next((each for each in told if each.entry_no == entry_no), None)
    view = entry_view(rows.journal, entry_no, explained=explained, cvr="99000007")
    place = Place(
        journal_seq=entry_no,
        partition=0,
        source_topic="frikort-payroll",
        source_partition=0,
        source_offset=7,
        checkpoint={"checkpoint_no": 2, "positions": [4] * 12},
    )
    return await page("entry.html", language, card_no="00123", e=view, place=place)


@pytest.mark.parametrize(
    ("language", "title", "left"),
    [("da", "Kort 00123 i 2023", "Tilbage"), ("en", "Card 00123 in 2023", "Left")],
)
async def test_year_is_told_in_both_languages(language: str, title: str, left: str) -> None:
    html = await page("card.html", language, c=shown(a_year()), asked_words="alt")

    assert f'<html lang="{language}">' in html
    assert f"<h1>{title}</h1>" in html
    assert f"<dt>{left}</dt><dd>20.000,00 kr</dd>" in html
    assert html.count('class="step ') == html.count('<th scope="row"><a') - 1 == 5


async def test_each_step_leads_to_its_entry() -> None:
    html = await page("card.html", "da", c=shown(a_year()), asked_words="alt")

    steps = re.findall(r'<a href="([^"]+)" class="step', html)
    assert steps == [f"/console/da/cards/00123/entries/{number}" for number in range(2, 7)]


async def test_acts_are_named_in_danish_and_our_own_sentences_are_not() -> None:
    html = await an_entry("en", 4)

    assert '<span lang="da">LOV 689' in html
    assert "<li>no source states that only the excess is an ordinary wage" in html
    assert "(our default)" in html


@pytest.mark.parametrize(
    ("entry_no", "said"),
    [(4, "The entry is covered by number 2."), (5, "The entry is younger than the last one")],
)
async def test_entry_says_whether_a_checkpoint_covers_it(entry_no: int, said: str) -> None:
    assert said in await an_entry("en", entry_no)


async def test_entry_that_decides_nothing_says_what_it_is() -> None:
    assert "The entry decides no wage: Card granted." in await an_entry("en", 1)


async def test_what_a_reader_is_called_is_never_markup() -> None:
    html = await page("find.html", "da", reader="<script>x</script>", card_no='"><b>', wrong=True)

    assert "<script>x" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html


async def test_same_page_in_the_other_language_keeps_its_question() -> None:
    asked = request("da", query="year=2023&as_of=2023-04-01")
    answer = await PAGES.show(asked, "card.html", c=shown(a_year()), asked_words="alt", **CARD)

    there = 'href="/console/en/cards/00123?year=2023&amp;as_of=2023-04-01" lang="en"'
    assert there in bytes(answer.body).decode()

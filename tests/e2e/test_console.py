"""The console in a real browser: newcomers' questions, no barriers, nothing from elsewhere."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy.local.browser import MISSING, find_browser
from deploy.local.console import AXE
from deploy.local.stack import Stack
from tests.e2e import console_cases as cases
from tests.e2e.command import Frikort
from tests.e2e.console_cases import CARD, CLICKS_MAX, MUNICIPALITY, READER, UNUSED, Visitor

pytestmark = pytest.mark.slow

PACK = "2026-11-22"
PAGES = {
    "find": "",
    "find-wrong": "?card_no=42",
    "year": f"/cards/{CARD}?year=2025&as_of=2025-08-31&known_at=2025-07-01",
    "year-empty": f"/cards/{UNUSED}",
    "entry": f"/cards/{CARD}/entries/7",
    "entry-of-a-card": f"/cards/{CARD}/entries/1",
    "entries": f"/cards/{CARD}/entries",
    "difference": f"/cards/{CARD}/difference?year=2025&from_known_at=2025-05-01",
    "proof": f"/cards/{CARD}/proof",
    "status": f"/status?municipality={MUNICIPALITY}&on=2025-06-01",
    "status-wrong": "/status?municipality=7",
    "health": "/health",
    "packs": "/packs",
    "reads": f"/reads?card_no={CARD}",
    "unknown": "/cards/99999",
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = find_browser()
    if path is None:
        pytest.skip(MISSING)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def told(
    stack: Stack, frikort: Frikort, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The stack, told of the cards that are asked about; an audit pack lies ready."""
    cases.tell(stack, frikort, tmp_path_factory.mktemp("console"))
    packs = stack.settings.home / "packs"
    packs.mkdir()
    frikort("ledger", "export", str(packs / PACK), "--municipality", MUNICIPALITY).require()
    yield stack
    shutil.rmtree(packs)  # what an operator puts there, no stack erases


@pytest.fixture
def visitor(browser: Browser, told: Stack) -> Iterator[Visitor]:
    """A newcomer at the console's beginning, in English."""
    newcomer = Visitor(browser, told)
    yield newcomer.open()
    newcomer.leave()


def why_was_half_of_this_wage_taxed(v: Visitor) -> None:
    v.find().click(v.link(re.compile(cases.HALF_TAXED)))
    assert v.says("the 5.000,00 kr that was left is covered. The rest, 5.000,00 kr, is an ordinary")
    assert (v.figure("Covered (tax-free)"), v.figure("Ordinary wage")) == (
        "5.000,00 kr",
        "5.000,00 kr",
    )
    assert v.says("The cap is 20.000,00 kr from 2025-01-01: LOV 616 af 11/06/2024")


def what_did_we_know_on_1_july(v: Visitor) -> None:
    v.find()
    v.page.locator("#known_at").fill("2025-07-01")
    v.click(v.page.get_by_role("button", name="Show", exact=True))
    assert v.says("As known on 2025-07-01")
    assert (v.figure("Left"), v.figure("Cap")) == ("10.000,00 kr", "30.000,00 kr")


def was_this_text_sent(v: Visitor) -> None:
    v.find().click(v.link("Texts sent to the citizen"))
    assert v.says("The year's cap is reached Sent and delivered")


def how_much_is_left(v: Visitor) -> None:
    v.find()
    assert (v.figure("Left"), v.figure("Covered (tax-free)")) == ("0,00 kr", "30.000,00 kr")


def which_employer_payments_counted(v: Visitor) -> None:
    v.find()
    cells = [row.inner_text().split("\t") for row in v.page.locator("table.wages tbody tr").all()]
    assert [(row[1], row[3], row[5], row[8].removesuffix(" To be looked at")) for row in cells] == [
        ("2025-01-10", "CVR 99000007", "0,00 kr", "Before the card was valid"),
        ("2025-02-28", "CVR 99000007", "15.000,00 kr", "Within the cap"),
        ("2025-03-31", "CVR 99000007", "5.000,00 kr", "Over the cap"),
        ("2025-05-30", "CVR 99000007", "4.000,00 kr", "Within the cap"),
        ("2025-08-29", "CVR 99000007", "6.000,00 kr", "Over the cap"),
        ("2025-10-31", "CVR 99000007", "0,00 kr", "The card was not active"),
    ]


def why_is_nothing_covered_after_this_date(v: Visitor) -> None:
    v.find().click(v.link(re.compile("2025-10-31, 2.000,00 kr")))
    assert v.says(f"card {CARD} was not active on 2025-10-31")
    assert v.says("deactivated from 2025-10-01")


def what_changed_between_two_dates(v: Visitor) -> None:
    v.find().click(v.link("Why two answers differ"))
    v.page.locator("#from_known_at").fill("2025-07-01")
    v.page.locator("#to_known_at").fill("2025-07-31")
    v.click(v.page.get_by_role("button", name="Compare"))
    assert v.says("Left 10.000,00 kr 6.000,00 kr \N{MINUS SIGN}4.000,00 kr")
    assert v.says("Only in the second answer: became known later. Covered +4.000,00 kr")


def is_this_entry_untouched(v: Visitor) -> None:
    v.find().click(v.link(re.compile(cases.HALF_TAXED)))
    assert v.says("Yes. The hash is that of the entry's bytes and of the hash before it")
    v.click(v.link("See the proof"))
    assert v.says("the chain is the one that checkpoint")


def who_looked_at_this_card(v: Visitor) -> None:
    v.find().click(v.link("Who has looked at this card"))
    assert v.says(re.compile(rf"{READER} The card's year {CARD}"))


def how_many_cards_are_in_use(v: Visitor) -> None:
    v.click(v.link("The municipality's status"))
    v.page.get_by_label("The municipality's code").fill(MUNICIPALITY)
    v.page.get_by_label("On the date").fill("2025-06-01")
    v.click(v.page.get_by_role("button", name="Show", exact=True))
    assert v.says("Granted 2 Active on the date 2 Deactivated on the date 0 In use in the year")
    assert v.says("In use in the year of the date 1")


def is_anything_missing_from_the_ledger(v: Visitor) -> None:
    v.click(v.link("The ledger's health"))
    assert v.says("Every message is accounted for")
    assert v.says("The last checkpoint Signed checkpoint")


def may_i_take_the_ledger_with_me(v: Visitor) -> None:
    v.click(v.link("Audit pack"))
    v.clicks += 1
    with v.page.expect_download() as download:
        v.link(f"{PACK}.tar").click()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(download.value.path()) as tar:
            tar.extractall(folder, filter="data")
        pack = Path(folder) / PACK
        verifying = (sys.executable, "-I", "-S", "verify.py")
        proved = subprocess.run(verifying, cwd=pack, capture_output=True, text=True, check=False)
    assert (proved.returncode, proved.stderr) == (0, ""), proved.stdout


QUESTIONS: list[Callable[[Visitor], None]] = [
    why_was_half_of_this_wage_taxed,
    what_did_we_know_on_1_july,
    was_this_text_sent,
    how_much_is_left,
    which_employer_payments_counted,
    why_is_nothing_covered_after_this_date,
    what_changed_between_two_dates,
    is_this_entry_untouched,
    who_looked_at_this_card,
    how_many_cards_are_in_use,
    is_anything_missing_from_the_ledger,
    may_i_take_the_ledger_with_me,
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda asked: asked.__name__)
def test_newcomer_finds_the_answer_in_three_clicks(
    visitor: Visitor, question: Callable[[Visitor], None]
) -> None:
    question(visitor)

    visitor.photograph(question.__name__)
    assert 1 <= visitor.clicks <= CLICKS_MAX


@pytest.mark.parametrize("language", ["da", "en"])
def test_no_page_has_a_barrier(browser: Browser, told: Stack, language: str) -> None:
    visitor = Visitor(browser, told, language=language)
    texts = f"{told.service_url('notifications')}/texts/{language}"
    addresses = PAGES | {"texts": f"{texts}/cards/{CARD}", "texts-reads": f"{texts}/reads"}
    found: dict[str, Any] = {}
    for name, address in addresses.items():
        if address.startswith("http"):
            visitor.page.goto(address)
        else:
            visitor.open(address)
        visitor.photograph(f"{language}-{name}")
        visitor.page.evaluate(AXE.read_text(encoding="utf-8"))
        asked = {"runOnly": RULES, "resultTypes": ["violations"]}
        result = visitor.page.evaluate("asked => axe.run(document, asked)", asked)
        found[name] = [(each["id"], each["nodes"][0]["html"]) for each in result["violations"]]
        assert visitor.page.locator("html").get_attribute("lang") == language
    visitor.leave()

    assert {name: faults for name, faults in found.items() if faults} == {}


def test_pages_load_nothing_from_elsewhere_and_the_browser_complains_of_nothing(
    browser: Browser, told: Stack
) -> None:
    visitor = Visitor(browser, told)
    visitor.open(f"/cards/{CARD}?year=2025").open("/health")
    visitor.leave()

    assert visitor.asked == {told.service_url("allowance")}
    assert visitor.complaints == []


def test_sliders_move_in_time_with_scripts_and_without(browser: Browser, told: Stack) -> None:
    visitor = Visitor(browser, told).open(f"/cards/{CARD}?year=2025")
    visitor.page.locator("#as_of_day").fill("89")
    followed = visitor.page.locator("#as_of").input_value()
    visitor.leave()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{told.service_url('allowance')}/console/da/cards/{CARD}?year=2025")
    page.locator("#as_of_day").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Vis", exact=True).click()
    address = page.url
    context.close()

    assert followed == "2025-03-31"
    assert address.endswith(f"/console/da/cards/{CARD}?year=2025&as_of=2025-12-28")


def test_console_is_used_by_keyboard(browser: Browser, told: Stack) -> None:
    visitor = Visitor(browser, told).open(f"/cards/{CARD}?year=2025")
    keyboard = visitor.page.keyboard
    keyboard.press("Tab")
    first = visitor.page.evaluate("document.activeElement.className")
    keyboard.press("Enter")
    main = visitor.page.evaluate("document.activeElement.id")
    visitor.page.locator("a.step").nth(2).focus()
    with visitor.page.expect_navigation():
        keyboard.press("Enter")
    heading = visitor.page.get_by_role("heading", level=1).inner_text()
    visitor.leave()

    assert (first, main, heading) == ("skipnav", "main", f"Entry 6 of card {CARD}")


def test_every_page_names_both_its_neighbour_language_and_itself(told: Stack) -> None:
    base = told.service_url("allowance")
    answers = [
        httpx.get(f"{base}/console", headers={"Accept-Language": asked}, trust_env=False)
        for asked in ("en-GB,en;q=0.9", "da-DK,da;q=0.9,en;q=0.8", "fr", "")
    ]
    elsewhere = httpx.get(f"{base}/console/fr/health", trust_env=False)

    assert [answer.headers["Location"] for answer in answers] == [
        f"/console/{language}" for language in ("en", "da", "da", "da")
    ]
    assert (elsewhere.status_code, "language-unknown" in elsewhere.text) == (404, True)


def test_browser_is_told_to_load_nothing_from_elsewhere_and_to_keep_nothing(told: Stack) -> None:
    answer = httpx.get(f"{told.service_url('allowance')}/console/da/health", trust_env=False)

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("service", "address"),
    [("allowance", "/console/da/cards/00091/entries"), ("notifications", "/texts/da/cards/00091")],
)
def test_what_is_shown_is_recorded_and_no_record_can_be_changed(
    told: Stack, service: str, address: str
) -> None:
    asked = {"X-Forwarded-User": f"reads-{service}"}
    httpx.get(
        f"{told.service_url(service)}{address}?x=1", headers=asked, trust_env=False
    ).raise_for_status()

    with psycopg.connect(told.database_url(service, "app"), autocommit=True) as database:
        mine = database.execute(
            "SELECT card_no, page, question FROM reads WHERE reader = %s", [f"reads-{service}"]
        ).fetchall()
        for change in ("UPDATE reads SET reader = 'x'", "DELETE FROM reads"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.execute(change)
    template = address.replace("/da/", "/{language}/").replace(CARD, "{card_no}")
    assert mine == [(CARD, template, "x=1")]

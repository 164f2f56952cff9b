"""The console's words: every template has its own, in both languages, and none is left over."""

import re
import string
from pathlib import Path

import pytest

from services.allowance import console
from services.allowance.console.common import make_pages
from services.chassis.web import pages as frame
from services.chassis.web.pages import Pages
from services.chassis.web.words import Language
from services.notifications import console as notifications_console
from services.notifications.console.routes import make_pages as make_text_pages

CONSOLE = make_pages()
TEXTS = make_text_pages("/console")
FRAME = Path(frame.__file__).parent
SERVICES = [
    (CONSOLE, Path(console.__file__).parent),
    (TEXTS, Path(notifications_console.__file__).parent),
]
FAMILIES = (
    "account_", "age_", "answer_", "attention_", "axis_", "benefit_", "change_", "column_",
    "kind_", "link_", "menu_", "only_in_", "outcome_", "page_", "problem_", "reason_", "review_",
    "source_", "standing_", "status_", "why_", "asked_",
    "state_", "template_",
)  # fmt: skip
"""Names whose end is only known when a page is made."""


def named(folder: Path) -> set[str]:
    """Give the names that a service's templates and routes write out."""
    found: set[str] = set()
    for file in [*folder.rglob("*.html"), *folder.rglob("*.py")]:
        text = file.read_text(encoding="utf-8")
        found |= set(re.findall(r't\.say\("([a-z0-9_-]+)"[,)]', text))
        found |= set(re.findall(r'm\.figure\(t, "([a-z_]+)"', text))
    return found


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def check(pages: Pages, *folders: Path) -> tuple[set[str], set[str]]:
    """Give the words that are named and not there, and those that are there and not named."""
    names = set[str]().union(*map(named, folders))
    loose = {name for name in pages.words if not name.startswith(FAMILIES)}
    return names - pages.words.keys(), loose - names


@pytest.mark.parametrize(("pages", "folder"), SERVICES, ids=["ledger", "texts"])
def test_every_word_that_a_page_names_is_there(pages: Pages, folder: Path) -> None:
    missing, _ = check(pages, FRAME, folder)

    assert missing == set()


@pytest.mark.parametrize(("pages", "folder"), SERVICES, ids=["ledger", "texts"])
def test_no_word_is_left_over(pages: Pages, folder: Path) -> None:
    listed = {"limit", "covered", "excess", "remaining", "entry_of", "signed_in", "on"}
    listed |= {"recorded_at", "known_at", "municipality_code", "grants_version"}
    listed |= {"yes", "no", "none", "unknown"}
    listed |= {"rules_version", "code_version", "by_benefit_title", "by_sector_title"}
    _, left_over = check(pages, FRAME, folder)

    assert left_over - listed == set()


@pytest.mark.parametrize("name", sorted(CONSOLE.words | TEXTS.words))
def test_both_languages_fill_the_same_places(name: str) -> None:
    danish, english = (CONSOLE.words | TEXTS.words)[name]

    assert danish
    assert english
    assert places(danish) == places(english)


def test_amounts_dates_and_counts_are_written_as_people_here_do() -> None:
    danish, english = (CONSOLE.tongue(language) for language in Language)

    assert danish.kroner(-1_250_050_05) == "\N{MINUS SIGN}1.250.050,05 kr"
    assert (danish.change(100), danish.change(0), danish.kroner(None)) == (
        "+1,00 kr",
        "0,00 kr",
        "ukendt",
    )
    assert (danish.number(8799), english.number(8799)) == ("8.799", "8,799")
    assert english.code("reason", "of-a-later-version") == "of-a-later-version"

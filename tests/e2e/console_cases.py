"""A card whose year raises every question, and a browser that counts the clicks to its answer."""

import re
from pathlib import Path
from typing import Final, Self

import httpx
from playwright.sync_api import Browser, Locator, Page

from deploy.local.stack import Stack
from tests.e2e.command import Frikort
from tests.e2e.rows import change, contact, employment, grant, wage
from tests.e2e.sheets import Line, Row, Sheet

MUNICIPALITY: Final = "630"
CARD: Final = "00091"
UNUSED: Final = "00092"
READER: Final = "revisor-7"
PICTURES: Final = Path(__file__).parent / "pictures"
CAPS: Final = (("2025-01-01", "2024-12-01", 20_000_00), ("2025-07-01", "2025-06-01", 30_000_00))
"""The cap of 2025 is raised in its middle, as that of 2023 was (DOMAIN 1.2)."""
WAGES: Final = (
    # paid, kroner, learned: before the card; most of the cap; half of it taxed; told late;
    # over the raised cap; after the card has ended
    ("2025-01-10", "1.200,00", "2025-01-10"),
    ("2025-02-28", "15.000,00", "2025-02-28"),
    ("2025-03-31", "10.000,00", "2025-03-31"),
    ("2025-05-30", "4.000,00", "2025-07-04"),
    ("2025-08-29", "8.000,00", "2025-08-29"),
    ("2025-10-31", "2.000,00", "2025-10-31"),
)
HALF_TAXED: Final = "10.000,00 kr"
CLICKS_MAX: Final = 3


def tell(stack: Stack, frikort: Frikort, folder: Path) -> None:
    """Tell the whole system about two cards of a municipality of their own."""
    for in_force_from, known_at, amount_ore in CAPS:
        cap = {
            "amount_ore": amount_ore,
            "in_force_from": in_force_from,
            "known_at": known_at,
            "legal_basis": "LOV 616 af 11/06/2024",
        }
        httpx.put(
            f"{stack.service_url('allowance')}/v1/caps/2025", json=cap, trust_env=False
        ).raise_for_status()
    for sheet in _sheets():
        frikort("import", sheet.kind, str(sheet.corrected(folder)), "--wait").require()
    frikort("ledger", "checkpoint").require()


def _sheets() -> list[Sheet]:
    start = {"valid_from": "2025-01-15", "decided_on": "2025-01-10", "registered_at": "2025-01-10"}
    end = {"effective_on": "2025-10-01", "decided_on": "2025-09-20", "registered_at": "2025-09-20"}
    own = {"municipality_code": MUNICIPALITY, **start}
    work = {"starts_on": "2025-01-16", "registered_at": "2025-01-16", "cvr": "99000007"}
    wages = [
        wage(f"W-{CARD}-{number}", CARD, paid_on=paid, amount_kr=kroner, registered_at=learned,
             cvr="99000007")
        for number, (paid, kroner, learned) in enumerate(WAGES)
    ]  # fmt: skip
    return [
        _sheet("contacts", contact(CARD, "69000091", registered_at="2025-01-10")),
        _sheet("grants", grant(CARD, **own), grant(UNUSED, **own)),
        _sheet("employments", employment(f"E-{CARD}", CARD, **work)),
        _sheet("grant-changes", change(CARD, "deactivated", **end)),
        _sheet("wages", *wages),
    ]


def _sheet(kind: str, *rows: Row) -> Sheet:
    return Sheet(kind, tuple(map(Line, rows)))


class Visitor:
    """Somebody who has a question: opens the console, and counts each click until it is answered.

    What is typed into a field is no click; sending the form is.
    """

    def __init__(self, browser: Browser, stack: Stack, *, language: str = "en") -> None:
        self._stack = stack
        self.language = language
        self.clicks = 0
        self.asked: set[str] = set()
        self.complaints: list[str] = []
        self._context = browser.new_context(
            viewport={"width": 1280, "height": 900},
            locale="da-DK" if language == "da" else "en-GB",
            extra_http_headers={"X-Forwarded-User": READER},
        )
        self.page: Page = self._context.new_page()
        self.page.on("request", lambda request: self.asked.add(_origin(request.url)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, address: str = "") -> Self:
        """Open a page by its address, below the language."""
        base = f"{self._stack.service_url('allowance')}/console"
        self.page.goto(f"{base}/{self.language}{address}")
        return self

    def click(self, place: Locator) -> Self:
        """Click, and wait for the page that comes."""
        self.clicks += 1
        with self.page.expect_navigation():
            place.click()
        return self

    def link(self, name: str | re.Pattern[str]) -> Locator:
        """Find a link by its words."""
        return self.page.get_by_role("link", name=name).first

    def find(self, card_no: str = CARD) -> Self:
        """Find a card by its number."""
        self.page.get_by_label("The card's number").fill(card_no)
        return self.click(self.page.get_by_role("button", name="Find the card"))

    def says(self, text: str | re.Pattern[str]) -> bool:
        """Tell whether the page says something, white space apart."""
        shown = " ".join(self.page.locator("main").inner_text().split())
        return text in shown if isinstance(text, str) else text.search(shown) is not None

    def figure(self, name: str) -> str:
        """Read a figure by its name."""
        box = self.page.locator(".figure").filter(has=self.page.get_by_text(name, exact=True))
        return box.locator("dd").inner_text()

    def photograph(self, name: str) -> None:
        """Keep a picture of the whole page."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def leave(self) -> None:
        """Close the browser's window."""
        self._context.close()


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])

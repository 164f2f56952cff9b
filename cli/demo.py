"""`frikort demo`: a municipality's history through the whole system, then its status.

It lives in `$FRIKORT_HOME/demo`, starts afresh and touches nothing else. Everything goes in
through the public interfaces and every figure comes out of them; the published ones stand
beside. At the end the stack is down and its data are kept.
"""

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from rich.table import Table
from rich.text import Text

from cli.caps import put_caps
from cli.caps_by_law import CAPS_BY_LAW
from cli.client import Client
from cli.demo_story import balances_of, show_story
from cli.errors import Rejection
from cli.files import read_file
from cli.imports import ImportJob
from cli.ledger import prove, tell
from cli.output import number, say, stdout_console
from cli.progress import show_progress
from cli.settings import SERVICES, Settings
from cli.stack import errors_said, showing_parts
from deploy.demo.history import KINDS, write_history
from deploy.demo.published import PUBLISHED, PublishedFigure
from deploy.local.settings import Settings as StackSettings
from deploy.local.stack import Stack
from frikort_contracts.answers import Status

CAPS: Final = tuple(cap for cap in CAPS_BY_LAW if cap.known_at < "2023-06-01")
"""What was known while the history happened: it ends the day before the cap was raised."""
KINDS_IN_ORDER: Final = ("contacts", *(kind for kind in KINDS if kind != "contacts"))
"""Contacts first: a text then leaves as soon as there is something to tell."""
KEPT: Final = ("FRIKORT_CACHE", "FRIKORT_STACK", "FRIKORT_LOG_LEVEL")
ABOUT: Final = 0.05
"""How near a figure must come to one that was published as about so many."""
TEXTS_WAIT_S: Final = 60.0
TEXTS_POLL_S: Final = 0.25
TEXTS_CALM_POLLS: Final = 4
FINAL_STATUSES: Final = frozenset({"DELIVERED", "UNDELIVERABLE"})


def demo() -> None:
    """Show a municipality's free cards live: four and a half years, ending on 31 May 2023."""
    began = time.monotonic()
    with errors_said(), showing_parts() as reporter:
        stack = _fresh_stack(reporter)
        environment = dict(os.environ) | {
            "FRIKORT_HOME": str(stack.settings.home),
            "FRIKORT_PORT_BASE": str(stack.settings.port_base),
        }
        stack.start()
    try:
        played = _play(stack, environment)
    finally:
        stack.stop()
    _say_what_to_try(stack.settings.home, played.card_no, time.monotonic() - began)
    if not played.good:
        raise Rejection("The figures differ from the published ones.", code="figures-differ")


@dataclass(frozen=True, slots=True)
class _Played:
    """How it went, and the card whose history was shown."""

    card_no: str
    good: bool


@dataclass(frozen=True, slots=True)
class _Compared:
    figure: PublishedFigure
    derived: int

    @property
    def agrees(self) -> bool:
        if self.figure.about:
            return abs(self.derived - self.figure.value) <= ABOUT * self.figure.value
        return self.derived == self.figure.value


def _fresh_stack(reporter: Any) -> Stack:
    home = StackSettings.from_environment(os.environ).home / "demo"
    # Servers that the caller has named are not the demo's to write to.
    ours = {name: text for name, text in os.environ.items() if not name.startswith("FRIKORT_")}
    environment = ours | {name: os.environ[name] for name in KEPT if name in os.environ}
    # The history is years old and its texts are to be seen: nothing is stale.
    environment.setdefault("FRIKORT_NOTIFICATIONS_STALE_AFTER_DAYS", "0")
    stack = Stack.temporary(home, environment=environment, reporter=reporter)
    stack.erase()
    return stack


def _play(stack: Stack, environment: dict[str, str]) -> "_Played":
    addresses = {service: stack.service_url(service) for service in SERVICES}
    settings = Settings(addresses=addresses)
    folder = stack.settings.home / "history"
    rows = write_history(folder)
    say(f"Wrote a history of {number(sum(rows.values()))} rows to {folder}.")
    with Client(settings=settings, retry_s=settings.retry_s, on_absence=say) as client:
        _set_caps(client)
        for kind in KINDS_IN_ORDER:
            _import(settings, kind, folder / f"{kind}.csv")
        compared = _compare(client)
        _show_comparison(compared)
        proof = prove(environment)
        tell(proof)
        card_no = show_story(
            client, balances_of(client, folder / "wages.csv", year=2023), year=2023
        )
        _show_texts(stack)
    return _Played(card_no, good=all(each.agrees for each in compared) and proof.faults_total == 0)


def _set_caps(client: Client) -> None:
    put_caps(client, CAPS)
    say(f"Set the caps of {CAPS[0].year} to {CAPS[-1].year}: 20.000,00 kr a year.")


def _import(settings: Settings, kind: str, file: Path) -> None:
    job = ImportJob(settings=settings, file=str(file), dry_run=False, partial=False, wait=True)
    began = time.monotonic()
    with show_progress() as phases:
        report, unfinished = job.run(read_file(kind, file), phases)
    if unfinished is not None:
        raise unfinished
    if report.exit_status:
        raise Rejection(f"{file.name}: {report.problems_total} bad rows", code="history-refused")
    warned = f", {number(report.warnings_total)} with a warning" if report.warnings_total else ""
    seconds = time.monotonic() - began
    say(
        f"Imported {number(report.appended)} {kind}{warned}, "
        f"read by all who need them, in {seconds:.1f} s."
    )


def _compare(client: Client) -> list[_Compared]:
    asked: dict[tuple[str, ...], Status] = {}
    compared = []
    for figure in PUBLISHED:
        if figure.arguments not in asked:
            options = iter(figure.arguments)
            query = {name.removeprefix("--"): next(options) for name in options}
            asked[figure.arguments] = client.get("allowance", "/v1/status", Status, query=query)
        value: Any = asked[figure.arguments].model_dump(mode="json")
        for part in figure.field:
            value = value[part]
        compared.append(_Compared(figure, value))
    return compared


def _show_comparison(compared: list[_Compared]) -> None:
    table = Table(title="Aarhus, 31 May 2023", title_justify="left", title_style="bold")
    for heading, justify in (("", "left"), ("published", "right"), ("derived", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # two literals
    table.add_column("")
    for each in compared:
        about = "about " if each.figure.about else ""
        mark = Text("=" if each.agrees else "differs", style="green" if each.agrees else "red")
        label, published = Text(each.figure.label), f"{about}{number(each.figure.value)}"
        table.add_row(label, published, number(each.derived), mark)
    stdout_console().print(table)


def _show_texts(stack: Stack) -> None:
    """Tell what the gateway got, once nothing is under way any more."""
    texts = _settled_texts(stack.service_url("gateway-simulator"))
    by_words: Counter[str] = Counter(text["message"] for text in texts)
    table = Table(
        title=f"The gateway got {number(len(texts))} texts",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("times", justify="right")
    table.add_column("words")
    for words, count in by_words.most_common():
        table.add_row(number(count), Text(words))
    stdout_console().print(table)
    outcomes = Counter(text["status"].lower() for text in texts)
    told = ", ".join(f"{number(count)} {status}" for status, count in outcomes.most_common())
    say(f"Delivery reports: {told}. Holders without a contact get none.")


def _settled_texts(gateway: str) -> list[dict[str, Any]]:
    """Wait until every text has its final report and no more come, for a bounded time."""
    deadline = time.monotonic() + TEXTS_WAIT_S
    texts: list[dict[str, Any]] = []
    calm = 0
    while calm < TEXTS_CALM_POLLS and time.monotonic() < deadline:
        before, texts = len(texts), httpx.get(f"{gateway}/texts").json()["texts"]
        final = all(text["status"] in FINAL_STATUSES for text in texts)
        calm = calm + 1 if texts and final and len(texts) == before else 0
        time.sleep(TEXTS_POLL_S)
    return texts


def _say_what_to_try(home: Path, card_no: str, seconds: float) -> None:
    shown = _beside(home)
    console = stdout_console()
    console.print(Text(f"Done in {seconds:.0f} s; the stack is down, its data are kept. Try:"))
    for command in ("up --detach", f"balance {card_no} --year 2023", "ledger verify"):
        console.print(Text(f"  FRIKORT_HOME={shown} .venv/bin/frikort {command}"), soft_wrap=True)
    console.print(Text(f"and in the end: FRIKORT_HOME={shown} .venv/bin/frikort down"))


def _beside(home: Path) -> Path:
    """Give a path as a person would type it here."""
    try:
        return home.relative_to(Path.cwd())
    except ValueError:
        return home

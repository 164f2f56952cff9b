"""Explanations for people: each decision in a few lines."""

from collections.abc import Iterable

from rich.text import Text

from cli.explain_words import WORDS, Language, Words
from cli.output import kroner, number, stdout_console
from frikort_contracts.explanations import (
    Basis,
    CapInForce,
    ExplainedEntry,
    Explanation,
    WaitingWage,
)
from frikort_contracts.types import format_moment


def show_explanation(found: Explanation, language: Language) -> None:
    """Print each decision, then what waits."""
    words = WORDS[language]
    heading = words.heading.format(
        card_no=found.card_no,
        year=words.every_year if found.year is None else found.year,
        entries=number(len(found.entries)),
        waiting=number(len(found.waiting)),
    )
    print_line(heading, style="bold")
    entries: list[ExplainedEntry | CapInForce] = [*found.entries, *found.caps]
    for entry in sorted(entries, key=lambda entry: entry.entry_no):
        if isinstance(entry, ExplainedEntry):
            _show_entry(entry, found.card_no, language)
        else:
            _show_cap(entry, words)
    for waiting in found.waiting:
        _show_waiting(waiting, language)


def cited(rules: Iterable[str], basis: Iterable[Basis], language: Language) -> str:
    """Give rules and what they rest on in one line."""
    standings = WORDS[language].standings
    sources = "; ".join(f"{_source(each, language)}{standings[each.standing]}" for each in basis)
    return f"{', '.join(rules)}: {sources}" if sources else ", ".join(rules)


def in_kroner(amount_ore: int | None, words: Words) -> str:
    """Write øre for people in their language, also where the amount is not known."""
    return words.unknown if amount_ore is None else kroner(amount_ore)


def print_line(text: str = "", *, style: str = "") -> None:
    """Print a line that a narrow terminal wraps and a file does not."""
    stdout_console().print(Text(text, style=style), soft_wrap=True)


def _source(basis: Basis, language: Language) -> str:
    """Name a source; one that is a sentence of ours is said in the language asked for."""
    if language is Language.DANISH and basis.danish is not None:
        return basis.danish
    return basis.source


def _show_entry(entry: ExplainedEntry, asked_card: str, language: Language) -> None:
    words = WORDS[language]
    same_card = entry.card_no == asked_card
    heading = words.entry.format(
        entry_no=entry.entry_no,
        kind=words.kind(entry.kind),
        amount=kroner(entry.amount_ore),
        on_card="" if same_card else words.on_card.format(card_no=entry.card_no),
        paid_on=entry.paid_on,
    )
    figures = words.figures.format(
        covered=kroner(entry.covered_ore),
        excess=kroner(entry.excess_ore),
        limit=in_kroner(entry.limit_ore, words),
        before=in_kroner(entry.before.remaining_ore, words),
        after=in_kroner(entry.after.remaining_ore, words),
    )
    print_line()
    print_line(heading, style="bold")
    print_line(f"  {entry.danish if language is Language.DANISH else entry.english}")
    print_line(f"  {figures}")
    print_line(f"  {cited(entry.rules, entry.basis, language)}")
    if (change := entry.card_change) is not None:
        told = change.model_dump() | {"kind": words.kind(change.kind)}
        print_line(f"  {words.card_change.format_map(told)}")
    _show_place(entry, words)


def _show_cap(entry: CapInForce, words: Words) -> None:
    cap = entry.cap
    heading = words.cap.format(
        entry_no=entry.entry_no,
        year=entry.year,
        amount=in_kroner(None if cap is None else cap.amount_ore, words),
        in_force_from=words.unknown if cap is None else cap.in_force_from,
        basis=words.unknown if cap is None else cap.legal_basis,
    )
    print_line()
    print_line(heading, style="bold")
    _show_place(entry, words)


def _show_place(entry: ExplainedEntry | CapInForce, words: Words) -> None:
    for case in entry.attention:
        print_line(f"  {words.attention.format_map(case.model_dump())}")
    recorded_at = format_moment(entry.recorded_at)
    print_line(f"  {words.recorded.format(at=recorded_at, hash=entry.hash)}")


def _show_waiting(waiting: WaitingWage, language: Language) -> None:
    words = WORDS[language]
    heading = words.waiting.format(
        kind=words.kind(waiting.kind),
        amount=in_kroner(waiting.amount_ore, words),
        paid_on=waiting.paid_on or words.unknown,
        reason=waiting.reason,
    )
    print_line()
    print_line(heading, style="bold")
    print_line(f"  {waiting.danish if language is Language.DANISH else waiting.english}")

"""Explanations for people: each decision in a few lines, and two answers side by side."""

from collections.abc import Iterable

from rich.text import Text

from cli.explain_words import WORDS, Language, Words
from cli.output import kroner, number, print_table, stdout_console
from frikort_contracts.explanations import (
    Answer,
    Basis,
    CapEffect,
    CapInForce,
    CapUsed,
    Difference,
    EntryEffect,
    ExplainedEntry,
    Explanation,
    WaitingWage,
)
from frikort_contracts.types import format_moment

WHY = {
    "known-later": "it became known later than the other answer knows",
    "dated-later": "its date is after the other answer's",
}


def show_explanation(found: Explanation, language: Language) -> None:
    """Print each decision, then what waits."""
    words = WORDS[language]
    heading = words.heading.format(
        card_no=found.card_no,
        year=words.every_year if found.year is None else found.year,
        entries=number(len(found.entries)),
        waiting=number(len(found.waiting)),
    )
    _print(heading, style="bold")
    entries: list[ExplainedEntry | CapInForce] = [*found.entries, *found.caps]
    for entry in sorted(entries, key=lambda entry: entry.entry_no):
        if isinstance(entry, ExplainedEntry):
            _show_entry(entry, found.card_no, language)
        else:
            _show_cap(entry, words)
    for waiting in found.waiting:
        _show_waiting(waiting, language)


def cited(rules: Iterable[str], basis: Iterable[Basis], words: Words) -> str:
    """Give rules and what they rest on in one line."""
    sources = "; ".join(f"{each.source}{words.standings[each.standing]}" for each in basis)
    return f"{', '.join(rules)}: {sources}" if sources else ", ".join(rules)


def show_difference(found: Difference) -> None:
    """Print both answers and what lies between them, then what makes the difference."""
    change = found.change
    rows = [
        [name, kroner(first), kroner(second), _signed(less)]
        for name, first, second, less in (
            ("limit", found.first.limit_ore, found.second.limit_ore, change.limit_ore),
            ("covered", found.first.covered_ore, found.second.covered_ore, change.covered_ore),
            ("excess", found.first.excess_ore, found.second.excess_ore, change.excess_ore),
            (
                "remaining",
                found.first.remaining_ore,
                found.second.remaining_ore,
                change.remaining_ore,
            ),
        )
    ]
    title = f"Card {found.card_no}, {found.year}: two answers"
    headings = ["", _asked(found.first), _asked(found.second), "difference"]
    print_table(title, headings, rows)
    if found.cap is not None:
        _show_cap_effect(found.cap)
    for effect in found.entries:
        _show_effect(effect)
    if found.cap is None and not found.entries:
        _print("Nothing makes them differ.")


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
        limit=kroner(entry.limit_ore),
        before=kroner(entry.before.remaining_ore),
        after=kroner(entry.after.remaining_ore),
    )
    _print()
    _print(heading, style="bold")
    _print(f"  {entry.danish if language is Language.DANISH else entry.english}")
    _print(f"  {figures}")
    _print(f"  {cited(entry.rules, entry.basis, words)}")
    if (change := entry.card_change) is not None:
        told = change.model_dump() | {"kind": words.kind(change.kind)}
        _print(f"  {words.card_change.format_map(told)}")
    _show_place(entry, words)


def _show_cap(entry: CapInForce, words: Words) -> None:
    cap = entry.cap
    heading = words.cap.format(
        entry_no=entry.entry_no,
        year=entry.year,
        amount=words.unknown if cap is None else kroner(cap.amount_ore),
        in_force_from=words.unknown if cap is None else cap.in_force_from,
        basis=words.unknown if cap is None else cap.legal_basis,
    )
    _print()
    _print(heading, style="bold")
    _show_place(entry, words)


def _show_place(entry: ExplainedEntry | CapInForce, words: Words) -> None:
    for case in entry.attention:
        _print(f"  {words.attention.format_map(case.model_dump())}")
    recorded_at = format_moment(entry.recorded_at)
    _print(f"  {words.recorded.format(at=recorded_at, hash=entry.hash)}")


def _show_waiting(waiting: WaitingWage, language: Language) -> None:
    words = WORDS[language]
    heading = words.waiting.format(
        kind=words.kind(waiting.kind),
        amount=words.unknown if waiting.amount_ore is None else kroner(waiting.amount_ore),
        paid_on=waiting.paid_on or words.unknown,
        reason=waiting.reason,
    )
    _print()
    _print(heading, style="bold")
    _print(f"  {waiting.danish if language is Language.DANISH else waiting.english}")


def _show_effect(effect: EntryEffect) -> None:
    entry = effect.entry
    _print()
    _print(
        f"Entry {entry.entry_no}: {entry.kind} of {kroner(entry.amount_ore)}, paid "
        f"{entry.paid_on}, known {format_moment(entry.known_at)}",
        style="bold",
    )
    _print(
        f"  Only in the {effect.counted_in} answer: {_reasons(effect.why)}. Covered "
        f"{_signed(effect.covered_ore)}, excess {_signed(effect.excess_ore)}."
    )


def _show_cap_effect(effect: CapEffect) -> None:
    _print()
    _print(f"Another cap is in force: {_signed(effect.limit_ore)}", style="bold")
    for name, cap in (("first", effect.first), ("second", effect.second)):
        _print(f"  In the {name} answer: {_cap(cap)}")
    if effect.why:
        _print(f"  One of them is not in both: {_reasons(effect.why)}.")


def _cap(cap: CapUsed | None) -> str:
    if cap is None:
        return "no cap is known"
    return (
        f"{kroner(cap.amount_ore)} from {cap.in_force_from}, known "
        f"{format_moment(cap.known_at)}, {cap.legal_basis} (rule {cap.rule_version})"
    )


def _reasons(why: Iterable[str]) -> str:
    return " and ".join(WHY[each] for each in dict.fromkeys(why)) or "its date decides"


def _asked(answer: Answer) -> str:
    as_of = "" if answer.as_of is None else f"as of {answer.as_of}"
    known = "" if answer.known_at is None else f"known {format_moment(answer.known_at)}"
    return "\n".join(part for part in (as_of, known) if part) or "everything"


def _signed(amount_ore: int | None) -> str:
    return f"+{kroner(amount_ore)}" if amount_ore and amount_ore > 0 else kroner(amount_ore)


def _print(text: str = "", *, style: str = "") -> None:
    stdout_console().print(Text(text, style=style), soft_wrap=True)

"""Two answers for people, side by side, and what makes them differ."""

from collections.abc import Iterable

from cli.explain_output import in_kroner, print_line
from cli.explain_words import WORDS, Language, Words
from cli.output import print_table
from frikort_contracts.explanations import Answer, CapEffect, CapUsed, Difference, EntryEffect, Why
from frikort_contracts.types import format_moment


def show_difference(found: Difference, language: Language) -> None:
    """Print both answers and what lies between them, then what makes the difference."""
    words = WORDS[language]
    told = words.difference
    first, second, change = found.first, found.second, found.change
    rows = [
        [name, in_kroner(before, words), in_kroner(after, words), _signed(less, words)]
        for name, before, after, less in (
            (told.limit, first.limit_ore, second.limit_ore, change.limit_ore),
            (told.covered, first.covered_ore, second.covered_ore, change.covered_ore),
            (told.excess, first.excess_ore, second.excess_ore, change.excess_ore),
            (told.remaining, first.remaining_ore, second.remaining_ore, change.remaining_ore),
        )
    ]
    title = told.title.format(card_no=found.card_no, year=found.year)
    print_table(title, ["", _asked(first, words), _asked(second, words), told.difference], rows)
    if found.cap is not None:
        _show_cap_effect(found.cap, words)
    for effect in found.entries:
        _show_effect(effect, words)
    if found.cap is None and not found.entries:
        print_line(told.nothing)


def _show_effect(effect: EntryEffect, words: Words) -> None:
    told, entry = words.difference, effect.entry
    heading = told.entry.format(
        entry_no=entry.entry_no,
        kind=words.kind(entry.kind),
        amount=in_kroner(entry.amount_ore, words),
        paid_on=entry.paid_on,
        known_at=format_moment(entry.known_at),
    )
    sentence = told.effect.format(
        answer=told.answers[effect.counted_in],
        why=_reasons(effect.why, words),
        covered=_signed(effect.covered_ore, words),
        excess=_signed(effect.excess_ore, words),
    )
    print_line()
    print_line(heading, style="bold")
    print_line(f"  {sentence}")


def _show_cap_effect(effect: CapEffect, words: Words) -> None:
    told = words.difference
    print_line()
    print_line(told.cap_changed.format(change=_signed(effect.limit_ore, words)), style="bold")
    for name, cap in (("first", effect.first), ("second", effect.second)):
        answer = told.cap_answer.format(answer=told.answers[name], cap=_cap(cap, words))
        print_line(f"  {answer}")
    if effect.why:
        print_line(f"  {told.cap_kept_out.format(why=_reasons(effect.why, words))}")


def _cap(cap: CapUsed | None, words: Words) -> str:
    if cap is None:
        return words.difference.no_cap
    return words.difference.cap.format(
        amount=in_kroner(cap.amount_ore, words),
        in_force_from=cap.in_force_from,
        known_at=format_moment(cap.known_at),
        basis=cap.legal_basis,
        rule_version=cap.rule_version,
    )


def _reasons(why: Iterable[Why], words: Words) -> str:
    told = words.difference
    sentences = {"known-later": told.known_later, "dated-later": told.dated_later}
    return told.and_also.join(sentences[each] for each in dict.fromkeys(why)) or told.date_decides


def _asked(answer: Answer, words: Words) -> str:
    told = words.difference
    parts = []
    if answer.as_of is not None:
        parts.append(told.as_of.format(as_of=answer.as_of))
    if answer.known_at is not None:
        parts.append(told.known.format(known_at=format_moment(answer.known_at)))
    return "\n".join(parts) or told.everything


def _signed(amount_ore: int | None, words: Words) -> str:
    sign = "+" if amount_ore and amount_ore > 0 else ""
    return f"{sign}{in_kroner(amount_ore, words)}"

"""The words around what the ledger explains, in Danish and English; the reasons are its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """The languages that explanations are printed in."""

    DANISH = "da"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceWords:
    """Sentences about two answers side by side; `answers` are the first and the second."""

    title: str
    limit: str
    covered: str
    excess: str
    remaining: str
    difference: str
    as_of: str
    known: str
    everything: str
    answers: Mapping[str, str]
    entry: str
    effect: str
    known_later: str
    dated_later: str
    date_decides: str
    and_also: str
    cap_changed: str
    cap_answer: str
    cap_kept_out: str
    cap: str
    no_cap: str
    nothing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Sentences with `{names}` to fill, and what codes read as."""

    heading: str
    every_year: str
    entry: str
    on_card: str
    figures: str
    card_change: str
    attention: str
    recorded: str
    cap: str
    waiting: str
    undecided: str
    still_to_do: str
    holiday_pay: str
    unknown: str
    kinds: Mapping[str, str]
    standings: Mapping[str, str]
    difference: DifferenceWords

    def kind(self, code: str) -> str:
        """Give what a kind of entry or card change reads as; one not known stays a code."""
        return self.kinds.get(code, code)


WORDS: Final[Mapping[Language, Words]] = {
    Language.ENGLISH: Words(
        heading="Card {card_no}, {year}: wages and reversals {entries}, waiting {waiting}",
        every_year="every year",
        entry="Entry {entry_no}: {kind} of {amount}{on_card}, paid {paid_on}",
        on_card=" on card {card_no}",
        figures="Covered {covered}, excess {excess}. Left of {limit}: {before} before, "
        "{after} after.",
        card_change="The card: {kind} from {effective_on} (entry {entry_no})",
        attention="A person must look: {code} (entry {entry_no})",
        recorded="Recorded {at}, hash {hash}",
        cap="Entry {entry_no}: the cap of {year} is {amount} from {in_force_from} ({basis}); "
        "nothing is decided again",
        waiting="Waiting: {kind} of {amount}, paid {paid_on} ({reason})",
        undecided="Not decided yet: messages {number}. Once they are, the answer may be another.",
        still_to_do="Nothing was recorded. The wage, once paid, must be registered in "
        "Socialtfrikort.dk.",
        holiday_pay="Holiday pay is {added}, the whole wage {whole}.",
        unknown="unknown",
        kinds={},
        standings={"law": "", "practice": " (practice)", "default": " (our default)"},
        difference=DifferenceWords(
            title="Card {card_no}, {year}: two answers",
            limit="limit",
            covered="covered",
            excess="excess",
            remaining="remaining",
            difference="difference",
            as_of="as of {as_of}",
            known="known {known_at}",
            everything="everything",
            answers={"first": "first", "second": "second"},
            entry="Entry {entry_no}: {kind} of {amount}, paid {paid_on}, known {known_at}",
            effect="Only in the {answer} answer: {why}. Covered {covered}, excess {excess}.",
            known_later="it became known later than the other answer knows",
            dated_later="its date is after the other answer's",
            date_decides="its date decides",
            and_also=" and ",
            cap_changed="Another cap is in force: {change}",
            cap_answer="In the {answer} answer: {cap}",
            cap_kept_out="One of them is not in both: {why}.",
            cap="{amount} from {in_force_from}, known {known_at}, {basis} (rule {rule_version})",
            no_cap="no cap is known",
            nothing="Nothing makes them differ.",
        ),
    ),
    Language.DANISH: Words(
        heading="Kort {card_no}, {year}: lønninger og tilbageførsler {entries}, venter {waiting}",
        every_year="alle år",
        entry="Post {entry_no}: {kind} på {amount}{on_card}, udbetalt {paid_on}",
        on_card=" på kort {card_no}",
        figures="Dækket {covered}, almindelig løn {excess}. Tilbage af {limit}: {before} før, "
        "{after} efter.",
        card_change="Kortet: {kind} fra {effective_on} (post {entry_no})",
        attention="Et menneske skal se på den: {code} (post {entry_no})",
        recorded="Registreret {at}, hash {hash}",
        cap="Post {entry_no}: loftet for {year} er {amount} fra {in_force_from} ({basis}); intet "
        "afgøres på ny",
        waiting="Venter: {kind} på {amount}, udbetalt {paid_on} ({reason})",
        undecided="Endnu ikke afgjort: meddelelser {number}. Når de er det, kan svaret blive et "
        "andet.",
        still_to_do="Intet er registreret. Lønnen skal, når den er udbetalt, registreres i "
        "Socialtfrikort.dk.",
        holiday_pay="Feriepengene er {added}, hele lønnen {whole}.",
        unknown="ukendt",
        kinds={
            "wage": "løn",
            "reversal": "tilbageførsel",
            "issued": "bevilget",
            "deactivated": "deaktiveret",
            "reactivated": "genaktiveret",
            "overturned": "afgørelse omgjort",
            "closed": "lukket",
        },
        standings={"law": "", "practice": " (praksis)", "default": " (vores standard)"},
        difference=DifferenceWords(
            title="Kort {card_no}, {year}: to svar",
            limit="loft",
            covered="dækket",
            excess="almindelig løn",
            remaining="tilbage",
            difference="forskel",
            as_of="pr. {as_of}",
            known="kendt {known_at}",
            everything="alt",
            answers={"first": "svar 1", "second": "svar 2"},
            entry="Post {entry_no}: {kind} på {amount}, udbetalt {paid_on}, kendt {known_at}",
            effect="Kun i {answer}: {why}. Dækket {covered}, almindelig løn {excess}.",
            known_later="kendt senere, end det andet svar ved",
            dated_later="dateret efter det andet svars dag",
            date_decides="datoen afgør det",
            and_also=" og ",
            cap_changed="Et andet loft gælder: {change}",
            cap_answer="I {answer}: {cap}",
            cap_kept_out="Det ene er ikke i begge: {why}.",
            cap="{amount} fra {in_force_from}, kendt {known_at}, {basis} (regel {rule_version})",
            no_cap="intet loft er kendt",
            nothing="Intet gør dem forskellige.",
        ),
    ),
}

"""When grants and payroll refuse, read naively from DESIGN, INTERFACES and DOMAIN.

Each question is answered with every code that would be right; none if the move is legal. A
citizen is kept in plain lists, and their words are not the services'.
"""

import datetime as dt
from dataclasses import dataclass, field


@dataclass
class NaiveCard:
    """A card; `turns`: from when on it covers, or does not, in the order of the decisions."""

    municipality: str
    turns: list[tuple[dt.date, bool]]
    ended_on: dt.date | None = None

    def covers(self, day: dt.date = dt.date.max) -> bool | None:
        """Tell what the latest turn up to a day says, None before the first."""
        found = None
        for on, covers in sorted(self.turns, key=lambda turn: turn[0]):
            found = covers if on <= day else found
        return found

    def is_live(self) -> bool:
        return self.ended_on is None and self.covers() is True

    def last_on(self) -> dt.date:
        """Give the last date from which anything of the card changes."""
        return self.ended_on or self.latest(True, False)

    def latest(self, *kinds: bool) -> dt.date:
        """Give the last date from which it covers (True), does not (False), or either."""
        return max((on for on, covers in self.turns if covers in kinds), default=dt.date.max)


@dataclass
class NaiveApplication:
    """An application: `open`, `refused` or `granted`."""

    received_on: dt.date
    state: str = "open"


@dataclass
class NaiveGrants:
    """A citizen as grants should know them."""

    cards: dict[str, NaiveCard] = field(default_factory=dict)
    applications: dict[str, NaiveApplication] = field(default_factory=dict)

    def issue(self, card_no: str, municipality: str, on: dt.date) -> set[str]:
        wrong = {"card-number-taken"} if card_no in self.cards else set()
        if any(card.is_live() for card in self.cards.values()):
            wrong.add("grant-exists")
        if not wrong:
            self.cards[card_no] = NaiveCard(municipality, [(on, True)])
            for application in self.applications.values():
                if application.state == "open":
                    application.state = "granted"
        return wrong

    def receive(self, name: str, received_on: dt.date, learned_on: dt.date) -> set[str]:
        if received_on > learned_on:
            return {"received-in-future"}
        self.applications[name] = NaiveApplication(received_on)
        return set()

    def refuse(self, name: str, decided_on: dt.date) -> set[str]:
        application = self.applications[name]
        wrong = set()
        if application.state != "open":
            wrong.add({"refused": "already-refused"}.get(application.state, application.state))
        if decided_on < application.received_on:
            wrong.add("decided-before-received")
        wrong = {code if "-before-" in code else f"application-{code}" for code in wrong}
        if not wrong:
            application.state = "refused"
        return wrong

    def change(self, card_no: str, kind: str, on: dt.date, to: str = "") -> set[str]:
        """Judge a change of a card, and make it if it is legal."""
        card = self.cards.get(card_no)
        if card is None:
            return {"card-unknown"}
        if card.ended_on:
            return {"grant-closed"}
        wrong = self._judge(card, kind, on, to)
        if not wrong:
            self._make(card, kind, on, to)
        return wrong

    def _judge(self, card: NaiveCard, kind: str, on: dt.date, to: str) -> set[str]:
        others = any(other is not card and other.is_live() for other in self.cards.values())
        again = NaiveCard("", [*card.turns, (on, True)]).is_live()
        second = others and again and not card.is_live()
        earlier = list(self.cards.values())
        earlier = earlier[: earlier.index(card)]
        on_first = on <= min(day for day, _ in card.turns) and card.covers(on) is not False
        is_wrong = {
            "deactivate": {
                "grant-inactive": not card.is_live(),
                "effective-before-earlier-change": on < card.latest(True, False),
            },
            "reactivate": {
                "grant-active": card.is_live(),
                "grant-exists": others,
                "effective-before-earlier-change": on < card.latest(True, False),
            },
            "transfer": {"municipality-unchanged": card.municipality == to},
            "close": {"effective-before-earlier-change": on < card.latest(True)},
            "overturn-stop": {
                "nothing-to-overturn": card.covers(on) is not False,
                "grant-exists": second,
            },
            "overturn-refusal": {
                "nothing-to-overturn": not self._refused_by(on)
                or not on_first
                or any(other.last_on() > on for other in earlier),
                "grant-exists": second,
            },
        }
        return {code for code, wrong in is_wrong.get(kind, {}).items() if wrong}

    def _make(self, card: NaiveCard, kind: str, on: dt.date, to: str) -> None:
        if kind in {"deactivate", "reactivate", "overturn-stop", "overturn-refusal"}:
            card.turns.append((on, kind != "deactivate"))
        if kind == "overturn-refusal":
            self._refused_by(on)[-1].state = "granted"
        elif kind == "transfer":
            card.municipality = to
        elif kind == "close":
            card.ended_on = on

    def _refused_by(self, day: dt.date) -> list[NaiveApplication]:
        refused = [one for one in self.applications.values() if one.state == "refused"]
        return [one for one in refused if one.received_on <= day]


@dataclass
class NaiveEmployment:
    """An employment, both days included."""

    card_no: str
    cvr: str
    starts_on: dt.date
    ends_on: dt.date | None


@dataclass
class NaivePayroll:
    """A citizen as payroll should know them; of wages, whether they stand and were misreported."""

    employments: dict[str, NaiveEmployment] = field(default_factory=dict)
    wages: list[str] = field(default_factory=list)
    reversed: set[str] = field(default_factory=set)
    misreported: set[str] = field(default_factory=set)

    def end(self, name: str, on: dt.date) -> set[str]:
        employment = self.employments[name]
        wrong = set()
        if on < employment.starts_on:
            wrong.add("ends-before-start")
        if on == employment.ends_on:
            wrong.add("employment-end-unchanged")
        if not wrong:
            employment.ends_on = on
        return wrong

    def pay(
        self,
        wage: str,
        employment: str,
        *,
        card_no: str,
        cvr: str,
        paid_on: dt.date,
        today: dt.date,
        learned_on: dt.date,
    ) -> set[str]:
        work = self.employments[employment]
        is_wrong = {
            "employment-card-mismatch": card_no != work.card_no,
            "employment-cvr-mismatch": cvr != work.cvr,
            "wage-in-future": paid_on > today,
            "registered-before-paid": paid_on > learned_on,
        }
        wrong = {code for code, so in is_wrong.items() if so}
        if not wrong:
            self.wages.append(wage)
        return wrong

    def take_back(self, wage: str) -> set[str]:
        if wage in self.reversed:
            return {"already-reversed"}
        self.reversed.add(wage)
        return set()

    def misreport(self, wage: str, found_on: dt.date, learned_on: dt.date) -> set[str]:
        wrong = {"already-reversed"} if wage in self.reversed else set()
        if wage in self.misreported:
            wrong.add("already-misreported")
        if found_on > learned_on:
            wrong.add("found-in-future")
        if not wrong:
            self.misreported.add(wage)
        return wrong

    def confirm(self, wage: str, confirmed_on: dt.date, learned_on: dt.date) -> set[str]:
        wrong = {"already-reversed"} if wage in self.reversed else set()
        return wrong | ({"confirmed-in-future"} if confirmed_on > learned_on else set())

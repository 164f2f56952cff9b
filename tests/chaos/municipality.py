"""A municipality at work: from a seed it grants cards, employs, pays, takes back, and never rests.

Several hands work on the same citizens at once. Every command fits the history it is sent into,
so whatever is refused in the end is refused wrongly, but for those that are meant to be.
"""

import datetime as dt
import random
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.caller import Caller
from tests.chaos.commands import Answered, Command

VALID_FROM = dt.date(2022, 3, 1)
FIRST_PAID, LAST_PAID = dt.date(2022, 1, 10), dt.date(2025, 12, 20)
LAST_CHANGE = dt.date(2025, 12, 1)
CVRS = ("13748136", "44000008")
HANDS = 4
CITIZENS_AT_FIRST = 6
"""Of each hand."""
WORK = {"pay": 68, "take_back": 8, "change": 7, "employ": 3, "pay_tomorrow": 2, "grant": 4}
REST_S = 0.06
TOMORROW = "2099-01-01"


@dataclass(slots=True)
class Citizen:
    """A card's holder as the municipality knows them."""

    number: int
    active: bool = True
    changed_on: dt.date = VALID_FROM
    employments: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Whoever changes the card holds it: a second change rests on the first."""

    @property
    def card_no(self) -> str:
        return f"{self.number:05d}"

    @property
    def cpr(self) -> str:
        """A fictitious one (day + 60), of somebody born in 1970."""
        return f"{61 + self.number // 3000}0170{self.number % 3000:04d}"


@dataclass(slots=True)
class Municipality:
    """The hands, the citizens, and what went wrong with a hand."""

    caller: Caller
    seed: int
    rest_s: float = REST_S
    citizens: list[Citizen] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _hands: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refs: int = 0

    def start(self) -> None:
        """Put every hand to work."""
        for hand in range(HANDS):
            thread = threading.Thread(target=self._work, args=(hand,), name=f"hand-{hand}")
            self._hands.append(thread)
            thread.start()

    def stop(self) -> None:
        """Have every hand finish what it is at; what it has begun is answered."""
        self._ended.set()
        for thread in self._hands:
            thread.join()

    def _work(self, hand: int) -> None:
        dice = random.Random(f"{self.seed}/hand-{hand}")  # noqa: S311 - a seed reproduces it
        try:
            for _ in range(CITIZENS_AT_FIRST):
                self.grant(dice)
            while not self._ended.wait(dice.uniform(0, 2 * self.rest_s)):
                (work,) = dice.choices(list(WORK), list(WORK.values()))
                getattr(self, work)(dice)
        except BaseException as error:  # noqa: BLE001 - told by whoever asks, in the main thread
            self.failures.append(error)

    def grant(self, dice: random.Random) -> Citizen:
        """Grant somebody a card, and have an employer take them on; most give a number to text."""
        with self._lock:
            citizen = Citizen(number=len(self.citizens) + 1)
            self.citizens.append(citizen)
        if dice.random() < 0.9:
            phone = f"21{citizen.number:06d}"
            path = f"/v1/contacts/{citizen.card_no}"
            body = {"phone": phone, "registered_at": "2026-01-01"}
            self._send("notifications", "contact", path, body, dice, method="PUT")
        body = {
            "cpr": citizen.cpr,
            "card_no": citizen.card_no,
            "municipality_code": dice.choice(("461", "751")),
            "valid_from": VALID_FROM.isoformat(),
            "decided_on": VALID_FROM.isoformat(),
            "benefit": "kontanthjaelp",
            "age_group": "30-plus",
        }
        self._send("grants", "grant", "/v1/grants", body, dice)
        self.employ(dice, citizen)
        return citizen

    def employ(self, dice: random.Random, citizen: Citizen | None = None) -> None:
        """Register an employment."""
        citizen = citizen or self._anybody(dice)
        ref = self._ref("E")
        body = {
            "employment_ref": ref,
            "card_no": citizen.card_no,
            "cvr": CVRS[0],
            "employer": "Ærø Rengøring ApS",
            "sector": "rengøring",
            "starts_on": VALID_FROM.isoformat(),
            "unsubsidised_attested": True,
        }
        self._send("payroll", "employment", "/v1/employments", body, dice)
        citizen.employments.append(ref)

    def pay(
        self, dice: random.Random, citizen: Citizen | None = None, *, amount_ore: int = 0
    ) -> Answered:
        """Pay a wage on some day of some years; a third is learned of soon after."""
        citizen = citizen or self._anybody(dice)
        paid_on = FIRST_PAID + dt.timedelta(days=dice.randrange((LAST_PAID - FIRST_PAID).days))
        body = self._wage(dice, citizen, paid_on.isoformat(), amount_ore)
        if dice.random() < 1 / 3:
            body["registered_at"] = (paid_on + dt.timedelta(days=dice.randrange(40))).isoformat()
        answered = self._send("payroll", "wage", "/v1/wages", body, dice)
        citizen.standing.append(body["wage_ref"])
        return answered

    def pay_tomorrow(self, dice: random.Random) -> None:
        """Send a wage that can't be a fact: it is refused, for ever in the same words."""
        body = self._wage(dice, self._anybody(dice), TOMORROW, 0)
        self._send("payroll", "wage-in-future", "/v1/wages", body, dice, accepted=False)

    def take_back(self, dice: random.Random) -> None:
        """Reverse a wage that stands."""
        citizen = self._anybody(dice)
        with citizen.lock:
            if not citizen.standing:
                return
            ref = citizen.standing.pop(dice.randrange(len(citizen.standing)))
        body = {"reason": "Lønnen blev ikke udbetalt", "reversed_on": "2026-02-01"}
        self._send("payroll", "reversal", f"/v1/wages/{ref}/reversal", body, dice)

    def change(self, dice: random.Random) -> None:
        """Deactivate an active card, reactivate another, each later than the change before."""
        citizen = self._anybody(dice)
        with citizen.lock:
            on = citizen.changed_on + dt.timedelta(days=dice.randint(5, 90))
            if on > LAST_CHANGE:
                return
            change = "deactivation" if citizen.active else "reactivation"
            body = {"effective_on": on.isoformat(), "decided_on": on.isoformat()}
            self._send("grants", change, f"/v1/grants/{citizen.card_no}/{change}", body, dice)
            citizen.active, citizen.changed_on = not citizen.active, on

    def review(self, dice: random.Random, citizen: Citizen) -> Answered:
        """Review a card; that changes no coverage."""
        body = {"effective_on": "2026-02-02", "decided_on": "2026-02-02"}
        return self._send("grants", "review", f"/v1/grants/{citizen.card_no}/reviews", body, dice)

    def _wage(
        self, dice: random.Random, citizen: Citizen, paid_on: str, amount_ore: int
    ) -> dict[str, Any]:
        return {
            "wage_ref": self._ref("W"),
            "employment_ref": dice.choice(citizen.employments),
            "card_no": citizen.card_no,
            "cvr": CVRS[0],
            "paid_on": paid_on,
            "amount_ore": amount_ore or dice.randint(1, 4_500_00),
        }

    def _send(
        self,
        service: Any,
        kind: str,
        path: str,
        body: dict[str, Any],
        dice: random.Random,
        *,
        method: str = "POST",
        accepted: bool = True,
    ) -> Answered:
        command = Command(
            service=service, kind=kind, path=path, body=body, key=self._ref(kind), method=method
        )
        answered = self.caller.call(command, dice)
        if answered.is_accepted != accepted:
            self.caller.book.contradict(f"{kind} {command.key}: {answered.answer}")
        return answered

    def _anybody(self, dice: random.Random) -> Citizen:
        while True:
            citizen = dice.choice(self.citizens)
            if citizen.employments:  # granted, and answered
                return citizen

    def _ref(self, kind: str) -> str:
        with self._lock:
            self._refs += 1
            return f"{kind}-{self._refs:07d}"

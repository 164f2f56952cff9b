"""Calls the services as a municipal system does: with a key, again and again, until answered."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.chaos.commands import Answered, Book, Command, Service

TIMEOUT_S = 4.0
"""A paused service keeps a caller this long; then it is asked again, with the same key."""
BREAK_S = 0.004
PAUSE_S = (0.05, 0.4)
ANSWER_S = 180.0
"""Longer than any fault: a command unanswered by then is never answered."""
PASSING = {"card-unknown", "conflict"}
"""409s that pass by themselves: the grant is on its way; somebody else was first."""


class NeverAnsweredError(Exception):
    """A command was sent again and again, and not answered."""


class UnexpectedAnswerError(Exception):
    """A command that fits the history was refused."""


class Caller:
    """Sends commands and keeps the book; used from many threads."""

    def __init__(self, urls: Mapping[Service, str], book: Book) -> None:
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=30)
        self._clients = {
            service: httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False, limits=limits)
            for service, url in urls.items()
        }
        self.book = book
        self.unanswered: Counter[str] = Counter()
        """Why commands had to be sent again."""
        self.given_up = threading.Event()
        """Set when the run is broken off: nobody waits for an answer any more."""
        self._twice = ThreadPoolExecutor(max_workers=8)

    def close(self) -> None:
        self.given_up.set()
        self._twice.shutdown()
        for client in self._clients.values():
            client.close()

    def call(self, command: Command, dice: random.Random) -> Answered:
        """Have a command answered, sometimes in a roundabout way, and note the first answer.

        Raises: NeverAnsweredError, UnexpectedAnswerError.
        """
        way = dice.choices(("plain", "broken", "twice", "again", "altered"), (70, 10, 8, 8, 4))[0]
        other = self._twice.submit(self._until_answered, command) if way == "twice" else None
        answered = self._until_answered(command, broken=way == "broken")
        self.book.note(answered)
        if other is not None:
            self._compare(answered, other.result())
        elif way == "again":
            self.repeat(answered)
        elif way == "altered" and answered.is_accepted:
            self._alter(answered)
        return answered

    def repeat(self, answered: Answered) -> None:
        """Send a command again: its first answer is its answer for ever."""
        self._compare(answered, self._until_answered(answered.command))

    def get(self, service: Service, path: str) -> httpx.Response | None:
        """Ask once; None where nobody answers."""
        try:
            return self._clients[service].get(path)
        except httpx.TransportError:
            return None

    def is_applied(self, reader: Service, answered: Answered) -> bool:
        """Tell whether a recorded fact has arrived at a reader, and had its effect."""
        return self.unapplied(reader, [answered], wait_s=1) == []

    def unapplied(
        self, reader: Service, answered: Sequence[Answered], *, wait_s: float
    ) -> list[Answered]:
        """Give the recorded facts that a reader has not applied; all where it does not answer."""
        body = {"positions": [one.answer["position"] for one in answered], "wait_s": wait_s}
        try:
            answer = self._clients[reader].post("/v1/progress", json=body)
        except httpx.TransportError:
            return list(answered)
        if not answer.is_success:
            return list(answered)
        states = [one["state"] for one in answer.json()["progress"]]
        return [one for one, state in zip(answered, states, strict=True) if state != "applied"]

    def _compare(self, first: Answered, later: Answered) -> None:
        refused = (
            first.status == later.status and first.answer["code"] == later.answer["code"]
            if not (first.is_accepted and later.is_accepted)
            else None
        )
        if refused or (refused is None and first.answer == later.answer):
            return
        self.book.contradict(
            f"{first.command.kind} {first.command.key}: {first.status} {first.answer}, then"
            f" {later.status} {later.answer}"
        )

    def _alter(self, answered: Answered) -> None:
        """Send other content under the same key: it must be refused, and change nothing."""
        command = answered.command
        body = {**command.body, "registered_at": "2026-01-02T03:04:05Z"}
        altered = Command(
            service=command.service,
            kind=command.kind,
            path=command.path,
            body=body,
            key=command.key,
            method=command.method,
        )
        answer = self._until_answered(altered)
        if answer.status != httpx.codes.UNPROCESSABLE_ENTITY:
            self.book.contradict(f"{command.key}: other content was answered {answer.status}")

    def _until_answered(self, command: Command, *, broken: bool = False) -> Answered:
        deadline = time.monotonic() + ANSWER_S
        sent = 0
        while time.monotonic() < deadline and not self.given_up.is_set():
            sent += 1
            try:
                answer = self._clients[command.service].request(
                    command.method,
                    command.path,
                    json=dict(command.body),
                    headers={"Idempotency-Key": command.key},
                    timeout=BREAK_S if broken and sent == 1 else TIMEOUT_S,
                )
            except httpx.TransportError as error:
                self.unanswered[type(error).__name__] += 1
            else:
                if found := self._read(command, answer, sent):
                    return found
            self.given_up.wait(random.uniform(*PAUSE_S))  # noqa: S311 - nothing rests on it
        raise NeverAnsweredError(f"{command.service} {command.kind} {command.key}: {sent} times")

    def _read(self, command: Command, answer: httpx.Response, sent: int) -> Answered | None:
        """Give what was answered; None where it is to be sent again."""
        if answer.is_success or answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            return Answered(
                command=command, status=answer.status_code, answer=answer.json(), sent=sent
            )
        code = answer.json().get("code", "")
        self.unanswered[f"{answer.status_code} {code}"] += 1
        if answer.is_client_error and code not in PASSING:
            raise UnexpectedAnswerError(f"{command.kind} {command.key}: {answer.text}")
        return None

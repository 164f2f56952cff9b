"""The commands of a chaos run, and the book of what was answered to each."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Service: TypeAlias = Literal["grants", "payroll", "allowance", "notifications"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What somebody wants recorded; the key makes it the same command however often it is sent."""

    service: Service
    kind: str
    path: str
    body: Mapping[str, Any]
    key: str
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A command with its first answer: the recorded fact, or the refusal (422)."""

    command: Command
    status: int
    answer: Mapping[str, Any]
    sent: int
    """How often it was sent until it was answered."""

    @property
    def is_accepted(self) -> bool:
        return self.status < 300

    @property
    def citizen_id(self) -> str:
        found: str = self.answer["position"]["citizen_id"]
        return found

    @property
    def version(self) -> int:
        found: int = self.answer["position"]["version"]
        return found


@dataclass(slots=True)
class Book:
    """Everything that was answered, from whatever thread, and what contradicts a first answer."""

    answered: list[Answered] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, answered: Answered) -> None:
        with self._lock:
            self.answered.append(answered)

    def contradict(self, words: str) -> None:
        with self._lock:
            self.contradictions.append(words)

    def accepted(self, service: Service) -> list[Answered]:
        """Give what a service has accepted."""
        return [one for one in self.answered if one.is_accepted and one.command.service == service]

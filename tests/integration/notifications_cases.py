"""Facts that call for a text, and the gateway simulator as a process of its own."""

import datetime as dt
import itertools
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, Self

import httpx

from deploy.local.programs import without_settings
from deploy.local.stack import GATEWAY
from frikort_contracts.allowance import AllowanceExhausted, AllowanceLow
from frikort_contracts.envelope import Envelope, to_headers
from frikort_contracts.events import Event
from frikort_contracts.grants import GrantClosed, GrantIssued, GrantReviewed
from frikort_contracts.topics import ALLOWANCE, GRANTS
from frikort_contracts.types import AgeGroup, Benefit
from tests.integration.servers import (
    REPOSITORY,
    STOP_S,
    Servers,
    ServiceProcess,
    header,
    payload,
    wait_for,
)

TOPIC = "frikort-notifications"
MUNICIPALITY = "751"
YEAR = 2023
OLD = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
"""What was learned then is not texted any more."""
_numbers = itertools.count(1)


class GatewayProcess:
    """The simulator, which a test may ask what it got and tell to misbehave."""

    def __init__(self, servers: Servers, log: Path) -> None:
        stack = servers.stack
        self.client = httpx.Client(base_url=stack.service_url(GATEWAY), timeout=30)
        self._environment = without_settings(os.environ) | stack.env(GATEWAY)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local.gateway_simulator"],
                env=self._environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_for(self._answers, what="the gateway simulator")
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_S)
            self._process = None

    def close(self) -> None:
        self.client.close()
        self.stop()

    def behave(self, **behaviour: Any) -> None:
        """Behave like this from now on, and well in all else."""
        self.client.post("/behaviour", json=behaviour).raise_for_status()

    def texts(self, notification_id: str) -> list[dict[str, Any]]:
        """Give what it got under a reference."""
        got = self.client.get("/texts").raise_for_status().json()["texts"]
        return [text for text in got if text["userref"] == notification_id]

    def texts_to(self, phone: str) -> list[dict[str, Any]]:
        """Give what it got for a Danish number of eight digits."""
        got = self.client.get("/texts").raise_for_status().json()["texts"]
        return [text for text in got if text["msisdn"] == f"45{phone}"]

    def _answers(self) -> bool:
        try:
            return self.client.get("/texts").is_success
        except httpx.TransportError:
            return False


class Citizen:
    """A citizen nobody has seen, with a card and a number nobody has."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.id = str(uuid.uuid4())
        self.card_no = f"{80_000 + number:05d}"
        self.other_card_no = f"{85_000 + number:05d}"
        self.phone = f"6810{number % 90:02d}{number // 90:02d}"
        self.other_phone = f"6820{number % 90:02d}{number // 90:02d}"


def issue_card(
    servers: Servers, citizen: Citizen, *, card_no: str | None = None, **fact: Any
) -> str:
    """Put a grant-issued on the topic; give its id."""
    known_at = fact.pop("known_at", None) or dt.datetime.now(dt.UTC)
    event = GrantIssued(
        card_no=card_no or citizen.card_no,
        municipality_code=MUNICIPALITY,
        valid_from=known_at.date(),
        decided_on=known_at.date(),
        benefit=Benefit.NONE,
        age_group=AgeGroup.FROM_30,
        known_at=known_at,
    )
    return put_fact(servers, GRANTS.name, citizen.id, event, **fact)


def register_death(servers: Servers, citizen: Citizen, *, version: int) -> str:
    """Put a grant-closed on the topic, for its holder has died; give its id."""
    today = dt.datetime.now(dt.UTC)
    event = GrantClosed(
        card_no=citizen.card_no,
        effective_on=today.date(),
        decided_on=today.date(),
        cause="death",
        known_at=today,
    )
    return put_fact(servers, GRANTS.name, citizen.id, event, version=version)


def review_card(
    servers: Servers,
    citizen: Citizen,
    decided_on: str,
    *,
    card_no: str | None = None,
    version: int,
) -> str:
    """Put a grant-reviewed on the topic; give its id."""
    day = dt.date.fromisoformat(decided_on)
    event = GrantReviewed(
        card_no=card_no or citizen.card_no,
        effective_on=day,
        decided_on=day,
        known_at=dt.datetime.combine(day, dt.time(12), dt.UTC),
    )
    return put_fact(servers, GRANTS.name, citizen.id, event, version=version)


def run_low(servers: Servers, citizen: Citizen, **fact: Any) -> str:
    """Put an allowance-low on the topic; give its id."""
    return put_fact(servers, ALLOWANCE.name, citizen.id, AllowanceLow(**_year(citizen)), **fact)


def exhaust(servers: Servers, citizen: Citizen, **fact: Any) -> str:
    """Put an allowance-exhausted on the topic; give its id."""
    event = AllowanceExhausted(**_year(citizen))
    return put_fact(servers, ALLOWANCE.name, citizen.id, event, **fact)


def put_fact(
    servers: Servers,
    topic: str,
    citizen_id: str,
    event: Event,
    *,
    event_id: str | None = None,
    version: int = 1,
) -> str:
    """Put a fact on a topic as its service's relay would, unnumbered; give its id."""
    fact_id = event_id or str(uuid.uuid4())
    envelope = Envelope(
        id=fact_id,
        source="/frikort/test",
        type=event.TYPE,
        subject=citizen_id,
        time=dt.datetime.now(dt.UTC),
        stream_version=version,
        correlation_id=fact_id,
        municipality=MUNICIPALITY,
    )
    servers.put(topic, citizen_id, event.to_json(), to_headers(envelope))
    return fact_id


def put_contact(service: ServiceProcess, card_no: str, phone: str, **more: Any) -> httpx.Response:
    """Set a card's contact."""
    body = {"phone": phone, **more}
    return service.client.put(f"/v1/contacts/{card_no}", json=body).raise_for_status()


def messages(service: ServiceProcess, card_no: str) -> list[dict[str, Any]]:
    """Give a card's texts."""
    answer = service.client.get("/v1/messages", params={"card_no": card_no}).raise_for_status()
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


def await_state(service: ServiceProcess, card_no: str, *states: str) -> list[dict[str, Any]]:
    """Wait until a card's texts are in these states, in order; give them."""
    wait_for(
        lambda: [m["state"] for m in messages(service, card_no)] == list(states),
        what=f"texts of {card_no} {states}",
    )
    return messages(service, card_no)


def sent(servers: Servers, citizen: Citizen) -> list[tuple[str, str | None]]:
    """What the citizen's stream says on the bus: types and reasons."""
    records = servers.records(TOPIC, citizen.id)
    return [(header(r, "ce_type"), payload(r).get("reason")) for r in records]


def await_sent(servers: Servers, citizen: Citizen, *types: str) -> None:
    wait_for(
        lambda: (
            [kind for kind, _ in sent(servers, citizen)] == [f"notification-{t}" for t in types]
        ),
        what=f"{types} on the bus",
    )


def _year(citizen: Citizen) -> dict[str, Any]:
    return {
        "card_no": citizen.card_no,
        "year": YEAR,
        "limit_ore": 2_000_000,
        "covered_ore": 1_700_000,
        "known_at": dt.datetime.now(dt.UTC),
    }

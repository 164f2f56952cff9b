"""The ledger as a process: its sources' topics, its caps, and what it has decided."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from deploy.local.stack import Stack
from frikort_contracts.imports import Position
from services.chassis.inbox import Message
from tests.bench.history import Sent, send
from tests.integration.servers import Servers, ServiceProcess, wait_for
from tests.unit.ledger_cases import CAP_ORE, Story

SETTLED_S = 60.0


def servers_at(home: Path) -> Iterator[Servers]:
    """Give servers whose topics hold nothing but what a module's tests put there."""
    stack = Stack.temporary(home)
    stack.start_servers()
    try:
        yield Servers(stack)
    finally:
        stack.stop()


def ledger_with_caps(servers: Servers, years: Iterable[int]) -> Iterator[ServiceProcess]:
    """Give the ledger, running, with the same cap for some years."""
    service = servers.service("allowance").start()
    try:
        for year in years:
            set_cap(service, year)
        yield service
    finally:
        service.close()


class Wire:
    """Sends messages as the relays of grants and payroll would: numbered per partition."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._seqs: dict[tuple[str, int], int] = {}

    def send(self, messages: Iterable[Message]) -> None:
        records = []
        for message in messages:
            lane = (message.topic, message.partition)
            self._seqs[lane] = self._seqs.get(lane, 0) + 1
            headers = [*message.headers.items(), ("ce_partitionseq", b"%d" % self._seqs[lane])]
            records.append(Sent(*lane, message.key or b"", message.value, headers))
        asyncio.run(send(self._servers.stack.kafka, iter(records)))


def set_cap(service: ServiceProcess, year: int, amount_ore: int = CAP_ORE, **more: str) -> None:
    body = {
        "amount_ore": amount_ore,
        "in_force_from": f"{year}-01-01",
        "legal_basis": "LOV 689",
        "known_at": "2018-06-08",
    } | more
    service.client.put(f"/v1/caps/{year}", json=body).raise_for_status()


def at(story: Story) -> Position:
    return Position(service="payroll", citizen_id=story.citizen_id, version=story.payroll_version)


def until_applied(service: ServiceProcess, stories: Sequence[Story]) -> None:
    """Wait until everything of some citizens is applied; what waits may yet be released."""
    positions = [
        Position(service=sender, citizen_id=story.citizen_id, version=version)
        for story in stories
        for sender, version in (
            ("grants", story.grants_version),
            ("payroll", story.payroll_version),
        )
        if version
    ]
    wait_for(
        lambda: {each.state for each in service.progress(*positions)} == {"applied"},
        what="every message applied",
        timeout_s=SETTLED_S,
    )


def decided(service: ServiceProcess, story: Story) -> list[tuple[str, int, int, str]]:
    entries = service.client.get(f"/v1/cards/{story.card_no}/entries").raise_for_status().json()
    return [
        (
            entry["content"]["source"]["type"],
            entry["content"]["decision"]["covered_ore"],
            entry["content"]["decision"]["excess_ore"],
            entry["content"]["decision"]["reason"],
        )
        for entry in entries
        if "decision" in entry["content"]
    ]

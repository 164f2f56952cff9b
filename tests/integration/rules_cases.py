"""What the ledger sends of the rules and of cases, and the proof of all it keeps."""

from typing import Any

from cli.ledger import prove
from cli.replay import replay_journal
from cli.replay_fold import Selection
from frikort_contracts.topics import ALLOWANCE, RULES
from tests.integration.servers import Servers, header, payload
from tests.unit.ledger_cases import Story


def told_of(servers: Servers, story: Story, kind: str) -> list[dict[str, Any]]:
    """Give the payloads of a kind that were sent about a citizen, in order."""
    return [
        payload(record)
        for record in servers.records(ALLOWANCE.name, story.citizen_id)
        if header(record, "ce_type") == kind
    ]


def cases(servers: Servers, story: Story) -> list[dict[str, Any]]:
    """Give the cases that were sent about a citizen, in order."""
    return told_of(servers, story, "attention-raised")


def rules_sent(servers: Servers, kind: str) -> list[Any]:
    return [r for r in servers.all_records(RULES.name, 1) if header(r, "ce_type") == kind]


def assert_verified(servers: Servers) -> None:
    """Prove the ledger, and decide all of it again."""
    url = servers.database_url("allowance", "auditor")
    environment = {"FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": url}
    assert prove(environment).faults == []
    assert replay_journal(environment, Selection()).differences == []

"""What the ledger sends of the rules and of cases, and the proof of all it keeps."""

from typing import Any

import psycopg

from cli.ledger import prove
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
    url = servers.database_url("allowance", "auditor")
    assert prove({"FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": url}).faults == []
    assert_cases_rest_on_the_journal(servers)


KEPT = "SELECT citizen_id, year, over_cap_ore, covered_to FROM balances ORDER BY 1, 2"
FOLDED = """
    SELECT
      citizen_id,
      year,
      coalesce(sum(excess_ore) FILTER (
        WHERE convert_from(bytes, 'UTF8')::JSONB #>> '{decision,reason}' = 'over-cap'
          AND NOT reversed
      ), 0)::BIGINT,
      max(paid_on) FILTER (WHERE covered_ore > 0 AND NOT reversed)
    FROM journal AS j
    CROSS JOIN LATERAL (
      SELECT EXISTS (
        SELECT
        FROM journal AS r
        WHERE r.citizen_id = j.citizen_id
          AND r.wage_id = j.wage_id
          AND r.source_type = 'wage-reversed'
      ) AS reversed
    ) AS taken_back
    WHERE source_type IN ('wage-paid', 'wage-reversed')
    GROUP BY citizen_id, year
    ORDER BY 1, 2
"""


def assert_cases_rest_on_the_journal(servers: Servers) -> None:
    """What a case is seen by is kept beside the journal, and is nothing but its fold."""
    with psycopg.connect(servers.database_url("allowance", "auditor")) as connection:
        kept = connection.execute(KEPT).fetchall()
        folded = connection.execute(FOLDED).fetchall()
    assert kept == folded

"""`frikort ledger replay` over a real ledger: its journal, and the topics alone."""

import csv
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli import replay_sources, verify
from cli.journal import pieces
from cli.main import app
from cli.replay import replay_journal
from cli.replay_fold import Selection
from cli.verify import prove
from frikort_contracts.topics import ALLOWANCE
from services.chassis.inbox import Message
from tests.integration.allowance_cases import (
    Wire,
    ledger_with_caps,
    set_cap,
    until_applied,
)
from tests.integration.servers import Servers, ServiceProcess, header, wait_for
from tests.unit.ledger_cases import CAP_ORE, Story

pytestmark = pytest.mark.slow

CITIZENS = 8


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    """The ledger, with caps for 2022 to 2024."""
    yield from ledger_with_caps(servers, (2022, 2023, 2024))


@pytest.fixture(scope="module")
def entered(servers: Servers, allowance: ServiceProcess, wire: Wire) -> list[Story]:
    """Citizens with every reason for which a wage is covered or not, and a raised cap."""
    told = [Story(f"replay-{n}", card_no=f"{40_000 + n}") for n in range(CITIZENS)]
    wire.send([message for story in told for message in _history(story)])
    until_applied(allowance, told)
    answer = allowance.client.post(
        "/v1/municipalities/751/years/2024/closing", headers={"Idempotency-Key": "replay"}
    )
    answer.raise_for_status()
    set_cap(allowance, 2023, CAP_ORE + 300, known_at="2026-01-01", in_force_from="2023-07-01")
    more = [story.wage(f"{story.card_no} late", "2023-04-02", 800, rests_on=3) for story in told]
    wire.send(more)
    until_applied(allowance, told)

    def decisions() -> int:
        kinds = [header(record, "ce_type") for record in servers.all_records(ALLOWANCE.name)]
        return len([k for k in kinds if k in {"wage-apportioned", "apportionment-reversed"}])

    wait_for(lambda: decisions() == CITIZENS * 8, what="every decision on the topic")
    return told


def _history(story: Story) -> list[Message]:
    name = story.card_no
    return [
        story.issued("2022-01-01"),
        story.wage(f"{name} march", "2023-03-01", CAP_ORE - 500),
        story.wage(f"{name} april", "2023-04-01", 900),
        story.wage(f"{name} 2024", "2024-04-01", 400),
        story.reversal(f"{name} march", "2023-03-01", CAP_ORE - 500),
        story.deactivated("2023-06-01"),
        story.wage(f"{name} june", "2023-06-01", 300, rests_on=2),
        story.reactivated("2023-09-01"),
        story.wage(f"{name} october", "2023-10-01", CAP_ORE, rests_on=3),
        story.wage(f"{name} 2022", "2022-12-31", 100, rests_on=3),
    ]


def replay(servers: Servers, *arguments: str) -> tuple[int, dict[str, Any]]:
    environment = {
        "FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": servers.database_url("allowance", "auditor"),
        "FRIKORT_KAFKA": servers.stack.kafka,
    }
    done = CliRunner().invoke(app, ["ledger", "replay", "--json", *arguments], env=environment)
    return done.exit_code, json.loads(done.stdout)


def test_the_journal_and_the_topics_give_what_was_decided(
    servers: Servers, entered: list[Story]
) -> None:
    status, journal = replay(servers)
    status_of_topics, topics = replay(servers, "--from", "topics")

    assert (status, status_of_topics) == (0, 0)
    assert (journal["differences"], topics["differences"]) == ([], [])
    assert journal["citizens"] == topics["citizens"] == CITIZENS == len(entered)
    assert journal["decided"] == topics["decided"] == CITIZENS * 8
    assert journal["years"] == topics["years"]
    assert journal["years"]["2022"] == {"covered_ore": CITIZENS * 100, "excess_ore": 0}


def test_pieces_in_processes_of_their_own_give_the_same(
    servers: Servers, entered: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        "FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": servers.database_url("allowance", "auditor")
    }
    alone, replayed_alone = prove(environment), replay(servers)
    for module in (verify, replay_sources):
        monkeypatch.setattr(module, "pieces", partial(pieces, entries=1))

    together, replayed = prove(environment, bulk_from=0), replay(servers)
    in_bulk = replay_journal(environment, Selection(), bulk_from=0)

    assert (together.faults, replayed[1]) == ([], replayed_alone[1])
    assert in_bulk == replay_journal(environment, Selection())
    assert (together.entries, together.citizens) == (alone.entries, len(entered))
    assert (together.trial_balance, together.by_partition) == (
        alone.trial_balance,
        alone.by_partition,
    )


def test_one_card_one_municipality_a_date_and_a_moment(
    servers: Servers, entered: list[Story]
) -> None:
    card = entered[0].card_no

    for source in ((), ("--from", "topics")):
        _, one = replay(servers, "--card", card, *source)
        _, other = replay(servers, "--municipality", "101", *source)
        _, early = replay(servers, "--card", card, "--as-of", "2022-12-31", *source)
        _, unknown = replay(servers, "--known-at", "2025-01-01", *source)

        assert (one["citizens"], one["decided"]) == (1, 8)
        assert (other["entries"], other["decided"]) == (0, 0)
        assert (early["decided"], early["covered_ore"]) == (1, 100)
        assert unknown["decided"] == 0


def test_a_decision_that_was_changed_is_named_and_written_down(
    servers: Servers, entered: list[Story], tmp_path: Path
) -> None:
    citizen_id = entered[1].citizen_id
    file = tmp_path / "differences.csv"
    with psycopg.connect(servers.database_url("allowance", "owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE kept AS TABLE journal")
        owner.execute(
            """
            UPDATE journal
            SET bytes = convert_to(replace(
              convert_from(bytes, 'UTF8'),
              '"covered_ore":500,"excess_ore":400,', '"covered_ore":501,"excess_ore":399,'
            ), 'UTF8')
            WHERE citizen_id = %s
            """,
            [citizen_id],
        )
        try:
            status, found = replay(servers, "--differences", str(file))
        finally:
            with owner.transaction():
                owner.execute("TRUNCATE journal")
                owner.execute("INSERT INTO journal TABLE kept")
                owner.execute("DROP TABLE kept")

    assert status == 1
    named = [(d["entry_no"], d["field"], d["decided"], d["replayed"]) for d in found["differences"]]
    assert ("covered_ore", "501", "500") in {difference[1:] for difference in named}
    assert {d["citizen_id"] for d in found["differences"]} == {citizen_id}
    with file.open(encoding="utf-8") as written:
        assert len(list(csv.DictReader(written))) == found["differences_total"] > 0


def test_an_unknown_card_is_refused(servers: Servers, allowance: ServiceProcess) -> None:
    del allowance
    environment = {
        "FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": servers.database_url("allowance", "auditor")
    }

    done = CliRunner().invoke(app, ["ledger", "replay", "--card", "99999"], env=environment)

    assert done.exit_code == 1
    assert "card-unknown" in done.stderr

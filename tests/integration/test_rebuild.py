"""A rebuild on real servers: it names and mends what is wrong, and changes nothing else."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import ConsumerRecord

from frikort_contracts.imports import Position
from frikort_contracts.topics import ALLOWANCE, BALANCES, RULES
from services.allowance.rebuild.beside import COLUMNS
from tests.integration.allowance_cases import (
    Wire,
    decided,
    ledger_with_caps,
    until_applied,
)
from tests.integration.rebuild_cases import (
    COVERED_ORE,
    MODELS,
    PROGRAM,
    WRONG_BALANCE,
    Worker,
    as_owner,
    begin,
    contents,
    damage,
    environment_of,
    placed,
    rebuild,
    tell,
    until_blocked,
    until_gone,
)
from tests.integration.rules_cases import assert_verified
from tests.integration.servers import Servers, ServiceProcess, header, wait_for
from tests.unit.ledger_cases import CAP_ORE, Story

pytestmark = pytest.mark.slow

DAMAGE: Final = {
    "a wrong balance": (
        WRONG_BALANCE,
        ("balances", "citizen_id={me} year=2023", "covered_ore", "1", str(COVERED_ORE)),
    ),
    "a lost balance": (
        "DELETE FROM balances WHERE citizen_id = '{me}' AND year = 2022",
        ("balances", "citizen_id={me} year=2022", "row", "-", "a row"),
    ),
    "somebody's balance": (
        "INSERT INTO balances VALUES ('{no}', 2023, 5, 0, 1, 0, NULL)",
        ("balances", "citizen_id={no} year=2023", "row", "a row", "-"),
    ),
    "a forgotten change": (
        "UPDATE citizens SET changes = changes - 2 WHERE citizen_id = '{me}'",
        (
            "citizens",
            "citizen_id={me}",
            "changes",
            '[[1,"{card_no}","issued","2022-02-01"],[2,"{card_no}","deactivated","2023-08-01"]]',
            (
                '[[1,"{card_no}","issued","2022-02-01"],[2,"{card_no}","deactivated","2023-08-01"],'
                '[3,"{card_no}","overturned","2023-08-01"]]'
            ),
        ),
    ),
    "a wrong card": (
        "UPDATE cards SET benefit = 'folkepension' WHERE card_no = '{card_no}'",
        ("cards", "card_no={card_no}", "benefit", "folkepension", "none"),
    ),
    "a lost change": (
        "DELETE FROM card_changes WHERE card_no = '{card_no}' AND version = 2",
        ("card_changes", "card_no={card_no} version=2", "row", "-", "a row"),
    ),
    "a wrong change": (
        "UPDATE card_changes SET kind = 'closed' WHERE card_no = '{card_no}' AND version = 3",
        ("card_changes", "card_no={card_no} version=3", "kind", "closed", "overturned"),
    ),
    "an open employment": (
        "UPDATE employments SET ends_on = NULL WHERE employment_id = '{work}'",
        ("employments", "employment_id={work}", "ends_on", "-", "2023-12-31"),
    ),
}
"""A statement that damages a row, and what must be told: table, key, column, found, expected."""


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    yield from ledger_with_caps(servers, [2022, 2023])


def lines_of(said: dict[str, Any]) -> set[tuple[str, ...]]:
    """Give what differs; of a whole row only which side has one."""
    return {
        (
            told["table"],
            told["key"],
            told["column"],
            *(
                "-" if side is None else "a row" if told["column"] == "row" else side
                for side in (told["found"], told["expected"])
            ),
        )
        for told in said["differences"]
    }


def test_every_wrong_row_is_named_by_a_dry_run_and_mended_by_a_rebuild(
    servers: Servers, allowance: ServiceProcess, wire: Wire, tmp_path: Path
) -> None:
    worker, waits, broken = Worker("w", "50001"), Story("waits", "50002"), Story("broken", "50003")
    tell(wire, allowance, worker, Worker("other", "50004"))
    gap = [
        broken.issued(),
        broken.wage("x 1", "2023-02-01", 5),
        broken.wage("x 2", "2023-02-02", 6),
    ]
    gap[1].value = b"{"
    wire.send([waits.wage("early", "2023-02-01", 5), *gap])
    until_held(allowance, waits, broken)
    before, status = contents(servers), allowance.client.get("/v1/status").json()
    clean = rebuild(servers, "--dry-run")
    damage(servers, worker, *(statement for statement, _ in DAMAGE.values()))
    damaged = contents(servers)
    file = tmp_path / "differences.csv"
    dry = rebuild(servers, "--dry-run", "--differences", str(file), status=1)
    untouched = contents(servers)
    mended = rebuild(servers)

    wanted = {tuple(placed(part, worker) for part in told) for _, told in DAMAGE.values()}
    assert (clean["differences_total"], clean["differing"], clean["switched"]) == (0, {}, False)
    assert clean["rows"] == {model: len(rows) for model, rows in before.items()}
    assert all(before[model] for model in MODELS)
    assert lines_of(dry) == lines_of(mended) == wanted
    assert (dry["switched"], mended["switched"]) == (False, True)
    assert mended["differing"] == {
        "balances": 3,
        "card_changes": 2,
        "cards": 1,
        "citizens": 1,
        "employments": 1,
    }
    assert untouched == damaged != before
    assert contents(servers) == before
    assert allowance.client.get("/v1/status").json() == status
    heading, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines())
    assert heading == ["table", "key", "column", "found", "expected"]
    assert sorted(row[:3] for row in rows) == sorted(list(told[:3]) for told in wanted)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert rebuild(servers)["differences_total"] == 0
    assert_verified(servers)


def until_held(allowance: ServiceProcess, waits: Story, broken: Story) -> None:
    """Wait until one citizen's wage waits for a grant, and another's behind a broken one."""
    positions = [
        Position(service="payroll", citizen_id=story.citizen_id, version=story.payroll_version)
        for story in (waits, broken)
    ]
    wait_for(
        lambda: [p.state for p in allowance.progress(*positions, wait_s=1)] == ["waiting"] * 2,
        what="two citizens wait",
    )


def test_a_rebuild_sends_nothing_and_what_comes_after_it_goes_on(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    worker = Worker("quiet", "50010")
    tell(wire, allowance, worker)
    wait_for(lambda: len(sent(servers, worker)) >= 8, what="what was decided is sent")
    before = topics(servers)
    damage(servers, worker, WRONG_BALANCE)
    mended = rebuild(servers)
    after = topics(servers)
    wire.send([worker.wage("after", "2023-06-01", 100)])
    wait_for(lambda: len(sent(servers, worker)) > len(before_of(before, worker)), what="the next")
    partition = before_of(before, worker)[0].partition
    last = max(seq(r) for r in before[ALLOWANCE.name] if r.partition == partition)

    assert mended["differing"] == {"balances": 1}
    assert after == before
    assert [seq(r) for r in sent(servers, worker)[len(before_of(before, worker)) :]] == [last + 1]


def topics(servers: Servers) -> dict[str, list[ConsumerRecord]]:
    """Give all that the ledger ever sent, each record with its offset and bytes."""
    return {
        ALLOWANCE.name: servers.all_records(ALLOWANCE.name),
        BALANCES.name: servers.all_records(BALANCES.name),
        RULES.name: servers.all_records(RULES.name, 1),
    }


def sent(servers: Servers, worker: Worker) -> list[ConsumerRecord]:
    return servers.records(ALLOWANCE.name, worker.citizen_id)


def before_of(before: dict[str, list[ConsumerRecord]], worker: Worker) -> list[ConsumerRecord]:
    return [r for r in before[ALLOWANCE.name] if r.key == worker.citizen_id.encode()]


def seq(record: ConsumerRecord) -> int:
    return int(header(record, "ce_partitionseq"))


def test_a_wage_after_a_rebuild_takes_what_is_left_though_the_service_knew_it_wrong(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    worker = Worker("misled", "50020")
    tell(wire, allowance, worker)
    damage(servers, worker, WRONG_BALANCE)
    allowance.stop()
    allowance.start()
    wire.send([worker.misreported("50020 d")])  # the service reads and remembers the wrong balance
    until_applied(allowance, [worker])
    rebuild(servers)
    wire.send([worker.wage("50020 e", "2023-06-01", 5_000_00, rests_on=3)])
    until_applied(allowance, [worker])

    left = CAP_ORE - COVERED_ORE
    assert decided(allowance, worker)[-1] == ("wage-paid", left, 5_000_00 - left, "over-cap")
    assert_verified(servers)


def catalogue(servers: Servers) -> list[Any]:
    """Give every table's rights, indexes and constraints, and which file it stands in."""
    with as_owner(servers) as connection:
        return connection.execute(
            """
            SELECT
              c.relname, c.relkind, c.relowner, c.relacl::TEXT, c.reloptions, c.relfilenode,
              pg_get_indexdef(i.indexrelid),
              (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY k.oid)
               FROM pg_constraint AS k WHERE k.conrelid = c.oid)
            FROM pg_class AS c
            LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
            WHERE c.relnamespace = 'public'::REGNAMESPACE
            ORDER BY c.relname
            """
        ).fetchall()


def test_rights_indexes_and_constraints_are_the_same_after_a_rebuild(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    worker = Worker("rights", "50030")
    tell(wire, allowance, worker)
    before = catalogue(servers)
    damage(servers, worker, "DELETE FROM citizens WHERE citizen_id = '{me}'")
    mended = rebuild(servers)

    assert mended["differing"] == {"citizens": 1}
    assert len(before) > len(MODELS)
    assert catalogue(servers) == before


HELD_UP: Final = {
    "while it folds": "LOCK TABLE journal IN ACCESS EXCLUSIVE MODE",
    "before it switches": "SELECT FROM ledger_partitions WHERE partition = 11 FOR UPDATE",
    "in the switch": "LOCK TABLE employments IN SHARE MODE",
}
"""Locks that stop a rebuild at a known place."""


@pytest.mark.parametrize("place", HELD_UP)
@pytest.mark.parametrize("whole", [False, True], ids=["the program", "the command"])
def test_a_rebuild_killed_anywhere_leaves_all_as_it_was_and_can_be_run_again(
    servers: Servers, allowance: ServiceProcess, wire: Wire, place: str, *, whole: bool
) -> None:
    number = 50040 + list(HELD_UP).index(place) + 3 * whole
    worker = Worker(f"killed {number}", str(number))
    tell(wire, allowance, worker)
    before = contents(servers)
    damage(
        servers,
        worker,
        WRONG_BALANCE,
        "UPDATE employments SET sector = 'farm' WHERE employment_id = '{work}'",
    )
    damaged = contents(servers)
    command = ("cli.main", "ledger", "rebuild") if whole else (PROGRAM[-1],)
    with as_owner(servers) as connection, connection.transaction():
        connection.execute(HELD_UP[place].encode())
        with begin(servers, (*PROGRAM[:2], *command)) as process:
            until_blocked(servers)
            process.kill()
    until_gone(servers)

    assert contents(servers) == damaged
    assert rebuild(servers)["differing"] == {"balances": 1, "employments": 1}
    assert contents(servers) == before


def test_every_column_of_a_read_model_is_folded(servers: Servers) -> None:
    with as_owner(servers) as connection:
        rows = connection.execute(
            """
            SELECT table_name, column_name
            FROM information_schema.columns
            WHERE table_schema = 'public'
              AND table_name = ANY(%s)
            """,
            [list(MODELS)],
        ).fetchall()

    assert {model for model, _ in rows} == COLUMNS.keys()
    assert [(model, column) for model, column in rows if column not in COLUMNS[model]] == []


def test_nothing_is_rebuilt_from_a_journal_that_does_not_hold(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    worker = Worker("forged", "50050")
    tell(wire, allowance, worker)
    damage(servers, worker, "UPDATE cards SET benefit = 'other' WHERE card_no = '{card_no}'")
    before = contents(servers)
    with as_owner(servers) as connection:
        query = "SELECT entry_no, bytes FROM journal WHERE citizen_id = %s AND year = 2022"
        ((entry_no, kept),) = connection.execute(query, [worker.citizen_id]).fetchall()
        entry = [worker.citizen_id, entry_no]
        write = "UPDATE journal SET bytes = %s WHERE citizen_id = %s AND entry_no = %s"
        connection.execute(write, [bytes(kept).replace(b"1500000", b"1400000"), *entry])
        try:
            said = rebuild(servers, status=1)
        finally:
            connection.execute(write, [kept, *entry])

    assert f"entry {entry_no} of citizen {worker.citizen_id} does not hold" in said
    assert "frikort ledger verify" in said
    assert contents(servers) == before
    assert rebuild(servers)["differing"] == {"cards": 1}


def test_only_the_owner_may_rebuild_and_one_at_a_time(
    servers: Servers, allowance: ServiceProcess
) -> None:
    del allowance  # it keeps the ledger
    as_app = rebuild(servers, "--dry-run", status=1, role="app")
    with as_owner(servers) as connection, connection.transaction():
        connection.execute("SELECT FROM ledger_partitions WHERE partition = 0 FOR UPDATE")
        with begin(servers, PROGRAM) as first:
            until_blocked(servers)
            second = rebuild(servers, "--dry-run", status=1)
            first.kill()
    until_gone(servers)

    assert "must name the owner's role" in as_app
    assert "another rebuild is under way" in second
    assert environment_of(servers)["FRIKORT_ALLOWANCE_OWNER_DATABASE_URL"] not in as_app + second

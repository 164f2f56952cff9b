"""An audit pack of the real ledger: exported by the command, proved without our code."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.ledger import prove
from cli.main import app
from tests.integration.allowance_cases import Wire, set_cap, until_applied
from tests.integration.checkpoint_cases import FIRST_KEY, take
from tests.integration.servers import Servers, ServiceProcess
from tests.unit.ledger_cases import CAP_ORE, Story, identity
from tests.unit.pack_cases import Answer, run

pytestmark = pytest.mark.slow

CITIZENS = 5


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers, wire: Wire) -> Iterator[ServiceProcess]:
    """The ledger, with a few citizens of two municipalities and two checkpoints."""
    key = {"FRIKORT_ALLOWANCE_SIGNING_KEY": FIRST_KEY, "FRIKORT_ALLOWANCE_CHECKPOINT_EVERY_S": "0"}
    service = servers.service("allowance", **key).start()
    try:
        set_cap(service, 2023)
        stories = [Story(f"pack {number}", card_no=f"6200{number}") for number in range(CITIZENS)]
        for number, story in enumerate(stories):
            story.municipality_code = "101" if number == 3 else "751"
            wire.send(
                [
                    story.issued(municipality_code=story.municipality_code),
                    story.wage(f"pack {number} a", "2023-02-01", 900_00),
                    story.wage(f"pack {number} b", "2023-03-01", CAP_ORE),
                ]
            )
        until_applied(service, stories)
        take(service)
        for number, story in enumerate(stories):
            wire.send([story.reversal(f"pack {number} a", "2023-02-01", 900_00)])
        until_applied(service, stories)
        take(service)
        wire.send([stories[0].wage("pack 0 c", "2023-05-01", 100_00)])
        until_applied(service, stories)
        yield service
    finally:
        service.close()


def export(servers: Servers, folder: Path, *arguments: str) -> Result:
    environment = {
        "FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": servers.database_url("allowance", "auditor"),
        "FRIKORT_HOME": str(servers.stack.settings.home),
    }
    return CliRunner().invoke(app, ["ledger", "export", str(folder), *arguments], env=environment)


def verify(folder: Path, *arguments: str | Path) -> Answer:
    return run([folder / "verify.py", *arguments])


def test_the_whole_ledger_is_proved_from_its_pack_alone(
    servers: Servers, allowance: ServiceProcess, tmp_path: Path
) -> None:
    published = allowance.client.get("/v1/checkpoints").json()
    head = tmp_path / "heads.jsonl"
    head.write_text(json.dumps(published[-1]) + "\n")

    key = tmp_path / "auditor-key"
    key.write_text("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n")

    done = export(servers, tmp_path / "pack", "--json", "--signing-key", str(key))

    manifest = json.loads(done.stdout)
    assert (done.exit_code, manifest["entries"], manifest["citizens"]) == (0, 21, CITIZENS)
    answer = verify(
        tmp_path / "pack",
        "--head",
        head,
        "--key",
        manifest["key_id"],
        "--key",
        published[0]["key_id"],
    )
    assert (answer.status, answer.complained) == (0, "")
    assert f"entries 21, citizens 5, rules {manifest['rules']}" in answer.said
    assert "Checkpoints to number 2" in answer.said
    with psycopg.connect(servers.database_url("allowance", "auditor")) as connection:
        sums = connection.execute(
            "SELECT sum(covered_ore), sum(excess_ore) FROM balances"
        ).fetchone()
    trial = manifest["trial_balance_ore"]
    assert (trial["covered"], trial["excess"]) == sums
    url = {"FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": servers.database_url("allowance", "auditor")}
    assert prove(url).faults == []


@pytest.mark.parametrize("form", ["entries.parquet", "entries.jsonl"])
def test_a_pack_is_decided_again_as_its_journal_is(
    servers: Servers, allowance: ServiceProcess, tmp_path: Path, form: str
) -> None:
    del allowance  # it has filled the ledger
    url = {"FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": servers.database_url("allowance", "auditor")}
    assert export(servers, tmp_path / "pack").exit_code == 0
    for other in {"entries.parquet", "entries.jsonl"} - {form}:
        (tmp_path / "pack" / other).unlink()
    asked = ["ledger", "replay", "--json"]

    journal = CliRunner().invoke(app, asked, env=url)
    pack = CliRunner().invoke(app, [*asked, "--pack", str(tmp_path / "pack")], env={})

    found = json.loads(pack.stdout)
    assert (journal.exit_code, pack.exit_code) == (0, 0)
    assert (found["entries"], found["decided"], found["differences"]) == (21, 16, [])
    assert found == json.loads(journal.stdout)


@pytest.mark.parametrize(
    ("option", "value", "citizens"), [("--card", "62002", 1), ("--municipality", "101", 1)]
)
def test_a_part_of_the_ledger_is_proved_from_its_pack_alone(
    servers: Servers,
    allowance: ServiceProcess,
    tmp_path: Path,
    option: str,
    value: str,
    citizens: int,
) -> None:
    del allowance  # it has filled the ledger

    done = export(servers, tmp_path / "part", option, value)

    assert done.exit_code == 0
    assert f"citizens {citizens}" in done.stderr
    answer = verify(tmp_path / "part")
    assert (answer.status, answer.complained) == (0, "")
    assert "all heads are in the newest" in answer.said
    lines = (tmp_path / "part" / "entries.jsonl").read_text().splitlines()
    whose = {json.loads(line)["citizen_id"] for line in lines}
    assert whose == {identity("pack 2" if option == "--card" else "pack 3")}


def test_a_refused_export_leaves_nothing(
    servers: Servers, allowance: ServiceProcess, tmp_path: Path
) -> None:
    del allowance  # as above
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()

    full = export(servers, tmp_path / "full")
    unknown = export(servers, tmp_path / "none", "--card", "99999")
    both = export(servers, tmp_path / "none", "--card", "62002", "--municipality", "101")

    assert (full.exit_code, unknown.exit_code, both.exit_code) == (1, 1, 2)
    assert "folder-not-empty" in full.stderr
    assert "card-unknown" in unknown.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_pack_of_a_damaged_ledger_does_not_verify(
    servers: Servers, allowance: ServiceProcess, tmp_path: Path
) -> None:
    """What is wrong in the database is exported as it is, and found outside of it."""
    del allowance  # as above
    where = (identity("pack 1"),)
    read = "SELECT bytes FROM journal WHERE citizen_id = %s AND entry_no = 2"
    change = "UPDATE journal SET bytes = %s WHERE citizen_id = %s AND entry_no = 2"
    with psycopg.connect(servers.database_url("allowance", "owner"), autocommit=True) as connection:
        (kept,) = connection.execute(read, where).fetchone() or (b"",)
        changed = kept.replace(b'"covered_ore":90000', b'"covered_ore":90001')
        connection.execute(change, [changed, *where])
        try:
            assert export(servers, tmp_path / "damaged").exit_code == 0
        finally:
            connection.execute(change, [kept, *where])

    answer = verify(tmp_path / "damaged")

    assert answer.status == 1
    assert answer.said.startswith(f"WRONG: citizen {identity('pack 1')} entry 2: hash: found")

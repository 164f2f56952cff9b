"""Damage to the ledger's database and its sources' topics: each is found, and named.

Each is done to a copy of the database, by whoever may do everything there; those to the topics
come last, for a topic cannot be copied.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from typer.testing import CliRunner

from cli.checkpoints import Held
from cli.keys import Key
from cli.main import app
from frikort_contracts.topics import partition_of
from services.allowance.signing import Signer
from tests.integration.allowance_cases import Wire, at, set_cap, until_applied
from tests.integration.checkpoint_cases import FIRST_KEY, SECOND_KEY, take
from tests.integration.servers import Servers, ServiceProcess, wait_for
from tests.integration.tampering_cases import Connection, Ledger, rewrite, sign_again
from tests.integration.tampering_damage import DAMAGE
from tests.unit.ledger_cases import CAP_ORE, Story

pytestmark = pytest.mark.slow

VICTIM, OTHER, WAITS = (
    Story("victim", card_no="71001"),
    Story("other", card_no="71002"),
    Story("waits", card_no="71003"),
)
CITIZEN = VICTIM.citizen_id
PARTITION = partition_of(CITIZEN)
ENTRY = 5
CHAIN = f"citizen {CITIZEN}"
LANE = f"frikort-payroll:{PARTITION}"
SIGNERS = [Signer(b"\x11" * 32), Signer(b"\x22" * 32)]
NOTHING = Held()
NAMES = {
    "here": f"citizen_id = '{CITIZEN}' AND entry_no = {ENTRY}",
    "citizen": CITIZEN,
    "entry_no": ENTRY,
    "partition": PARTITION,
    "waits_lane": f"frikort-payroll:{partition_of(WAITS.citizen_id)}",
    "second_key": SIGNERS[1].key_id,
}


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def ledger(servers: Servers, wire: Wire) -> Ledger:
    """A history under two checkpoints and two keys, and some that is younger."""
    with started(servers, FRIKORT_ALLOWANCE_SIGNING_KEY=FIRST_KEY) as service:
        set_cap(service, 2023)
        set_cap(service, 2024)
        wire.send([VICTIM.issued(), OTHER.issued(), WAITS.issued("2022-01-01")])
        wire.send(
            [
                VICTIM.wage("v-a", "2023-02-01", 5000_00),
                VICTIM.wage("v-b", "2023-03-01", 6000_00),
                VICTIM.reversal("v-a", "2023-02-01", 5000_00),
                VICTIM.wage("v-c", "2023-04-01", CAP_ORE),
                OTHER.wage("o-a", "2023-02-01", 700),
                WAITS.wage("w-a", "2022-05-01", 900),
            ]
        )
        until_applied(service, [VICTIM, OTHER])
        wait_for(
            lambda: service.progress(at(WAITS), wait_s=0)[0].code == "cap-unknown",
            what="a wage waits",
        )
        heads = [take(service)]
    with started(
        servers,
        FRIKORT_ALLOWANCE_SIGNING_KEY=SECOND_KEY,
        FRIKORT_ALLOWANCE_SIGNING_KEY_BEFORE=FIRST_KEY,
    ) as service:
        wire.send([OTHER.wage("o-b", "2024-02-01", 800)])
        until_applied(service, [OTHER])
        heads.append(take(service))
        keys = [Key.of_line(line) for line in service.client.get("/v1/signing-keys").json()]
        wire.send([OTHER.wage("o-c", "2024-03-01", 900)])
        until_applied(service, [OTHER])
    return Ledger(servers=servers, heads=heads, keys=keys)


@contextmanager
def started(servers: Servers, **settings: str) -> Iterator[ServiceProcess]:
    """Give a ledger that runs for a while, and signs when it is asked."""
    every = {"FRIKORT_ALLOWANCE_CHECKPOINT_EVERY_S": "0"}
    service = servers.service("allowance", **every | settings).start()
    yield service
    service.stop()
    service.close()


def told(ledger: Ledger, *arguments: str) -> str:
    """Give what a command of the ledger prints; it succeeds."""
    result = CliRunner().invoke(app, ["ledger", *arguments], env=ledger.environment())
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_ledger_that_nobody_touched_verifies_by_every_witness(ledger: Ledger) -> None:
    held = Held(heads=ledger.heads, keys=ledger.keys[:1])

    assert ledger.verify(held, database="frikort_allowance", topics=True) == set()


def test_the_commands_prove_the_ledger_and_one_citizen(ledger: Ledger, tmp_path: Path) -> None:
    heads, keys, proof = (tmp_path / name for name in ("heads", "keys", "proof"))
    heads.write_text("".join(json.dumps(head) + "\n" for head in ledger.heads), "utf-8")
    keys.write_text(told(ledger, "keys"), "utf-8")
    proof.write_text(told(ledger, "prove", VICTIM.card_no), "utf-8")

    verified = json.loads(
        told(ledger, "verify", "--json", "--heads", str(heads), "--keys", str(keys), "--topics")
    )
    told(ledger, "prove", "--check", str(proof), "--keys", str(keys))

    assert verified["verified"]
    assert (verified["checkpoints"], verified["keys"], verified["topic_records"]) == (2, 2, 11)
    assert (verified["heads_held_elsewhere"], verified["entries_younger_than_held"]) == (2, 1)
    assert json.loads(proof.read_text("utf-8"))["entry_no"] == ENTRY


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_to_the_database_is_found_and_named(ledger: Ledger, name: str) -> None:
    statement, where, field = (part.format(**NAMES) for part in DAMAGE[name])

    with ledger.copied() as copy:
        assert copy.execute(statement.encode()).rowcount > 0
        found = ledger.verify(NOTHING)

    assert (where, field) in found


def rewritten(copy: Connection) -> None:
    rewrite(copy, CITIZEN, 4)


def rewritten_and_signed(copy: Connection) -> None:
    rewrite(copy, CITIZEN, 4)
    sign_again(copy, SIGNERS)


def checkpoint_cut(copy: Connection) -> None:
    copy.execute("DELETE FROM checkpoints WHERE checkpoint_no = 2")


def passed_over(copy: Connection) -> None:
    """Take out what waits, and the account of it too."""
    partition = partition_of(WAITS.citizen_id)
    copy.execute("DELETE FROM held_messages")
    copy.execute(
        """
        UPDATE inbox_positions
        SET ignored = ignored + 1
        WHERE topic = 'frikort-payroll'
          AND partition = %s
        """,
        [partition],
    )


def other_bytes_wait(copy: Connection) -> None:
    copy.execute("UPDATE held_messages SET value = value || '\\x20'")


def read_further(copy: Connection) -> None:
    """Say that one more was read, and passed over."""
    copy.execute(
        """
        UPDATE inbox_positions
        SET
          last_seq = last_seq + 1,
          ignored = ignored + 1
        WHERE topic = 'frikort-payroll'
          AND partition = %s
        """,
        [PARTITION],
    )


def other_source(copy: Connection) -> None:
    """Change what an entry rests on, and make every hash anew."""
    copy.execute(
        """
        UPDATE journal
        SET bytes = regexp_replace(
          convert_from(bytes, 'UTF8'), '"sha256":"........', '"sha256":"00000000'
        )::BYTEA
        WHERE citizen_id = %s
          AND entry_no = %s
        """,
        [CITIZEN, ENTRY],
    )
    rewrite(copy, CITIZEN, ENTRY)
    sign_again(copy, SIGNERS)


WITNESSED: dict[str, tuple[Callable[[Connection], None], bool, str, str]] = {
    "a history rewritten with all hashes": (rewritten, False, "checkpoint 1", "merkle_root"),
    "a history rewritten, with the checkpoints signed anew": (
        rewritten_and_signed,
        True,
        "head 1",
        "merkle_root",
    ),
    "the same, by whoever has no head of ours": (
        rewritten_and_signed,
        False,
        f"{LANE} record 3",
        "municipality_code",
    ),
    "the newest checkpoint taken out": (checkpoint_cut, True, "checkpoint 2", "stored"),
    "a wage that waited taken out, and from the account": (
        passed_over,
        False,
        f"frikort-payroll:{partition_of(WAITS.citizen_id)} record 1",
        "entry",
    ),
    "other bytes of a wage that waits": (
        other_bytes_wait,
        False,
        f"frikort-payroll:{partition_of(WAITS.citizen_id)} record 1",
        "bytes",
    ),
    "a position ahead of the topic": (read_further, False, f"{LANE} record 5", "number"),
    "another source, all hashes and signatures made anew": (
        other_source,
        False,
        f"{LANE} record 4",
        "bytes",
    ),
}


@pytest.mark.parametrize("name", WITNESSED)
def test_damage_that_agrees_with_itself_is_found_by_what_others_hold(
    ledger: Ledger, name: str
) -> None:
    damage, with_heads, where, field = WITNESSED[name]

    with ledger.copied() as copy:
        damage(copy)
        alone = ledger.verify(NOTHING)
        found = ledger.verify(Held(heads=ledger.heads) if with_heads else NOTHING, topics=True)

    assert (where, field) in found
    if damage is not rewritten:
        assert alone == set(), "it agrees with itself"


def test_keys_that_were_exchanged_are_found_by_the_first_one_kept_elsewhere(
    ledger: Ledger,
) -> None:
    stranger = Signer(b"\x33" * 32)
    with ledger.copied() as copy:
        copy.execute("DELETE FROM checkpoints")
        copy.execute("DELETE FROM signing_keys")
        copy.execute(
            """
            INSERT INTO signing_keys (key_no, key_id, public_key, added_at)
            VALUES (1, %s, %s, now())
            """,
            [stranger.key_id, stranger.public_key],
        )
        alone = ledger.verify(NOTHING)
        found = ledger.verify(Held(keys=ledger.keys[:1]))

    assert alone == set(), "it agrees with itself"
    assert (f"key {stranger.key_id}", "endorsed_by") in found


def put(servers: Servers, number: int, value: bytes) -> None:
    """Put a record on the victim's partition under a number that is taken."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=servers.stack.kafka)
        await producer.start()
        try:
            headers = [("ce_id", b"forged"), ("ce_partitionseq", b"%d" % number)]
            await producer.send_and_wait(
                "frikort-payroll", value, partition=PARTITION, headers=headers
            )
        finally:
            await producer.stop()

    asyncio.run(send())


def cut_beginning(servers: Servers, offset: int) -> None:
    """Remove what lies before an offset of the victim's partition."""

    async def cut() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=servers.stack.kafka)
        await admin.start()
        try:
            place = TopicPartition("frikort-payroll", PARTITION)
            await admin.delete_records({place: RecordsToDelete(offset)})
        finally:
            await admin.close()

    asyncio.run(cut())


@pytest.fixture(scope="module")
def damaged_topic(ledger: Ledger) -> Ledger:
    """The topic with another record under a number that is taken, and without its first one."""
    put(ledger.servers, 4, b"{}")
    cut_beginning(ledger.servers, 1)
    return ledger


@pytest.mark.parametrize(
    ("where", "field"),
    [
        (f"{LANE} record 4", "bytes"),
        (f"{LANE} record 1", "number"),
        (f"{CHAIN} entry 2", "source"),
    ],
)
def test_damage_to_a_topic_is_found_and_named(
    damaged_topic: Ledger, where: str, field: str
) -> None:
    found = damaged_topic.verify(NOTHING, database="frikort_allowance", topics=True)

    assert (where, field) in found

"""Checkpoints by a real ledger: taken, published, handed over; its key changed."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cli.checkpoints import Held
from cli.heads import check_heads
from cli.journal import auditor
from cli.settings import AUDITOR_URL
from frikort_contracts.merkle import endorsed_bytes, leaf_hash, merkle_root, signed_bytes
from tests.integration.allowance_cases import Wire, set_cap, until_applied
from tests.integration.checkpoint_cases import (
    FIRST_KEY,
    SECOND_KEY,
    published,
    second_party,
    take,
)
from tests.integration.servers import Servers, ServiceProcess, wait_for
from tests.unit.ledger_cases import Story

pytestmark = pytest.mark.slow

AT_ONCE = 6
CITIZENS, WAGES = 60, 30


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    """The ledger with its first key, taking checkpoints when it is asked alone."""
    service = signing(servers).start()
    set_cap(service, 2023)
    yield service
    service.close()


def signing(servers: Servers, **settings: str) -> ServiceProcess:
    base = {
        "FRIKORT_ALLOWANCE_SIGNING_KEY": FIRST_KEY,
        "FRIKORT_ALLOWANCE_CHECKPOINT_EVERY_S": "0",
    }
    return servers.service("allowance", **base | settings)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def pay(service: ServiceProcess, wire: Wire, name: str, card_no: str) -> None:
    story = Story(name, card_no=card_no)
    wire.send([story.issued(), story.wage(f"{name}-a", "2023-02-01", 700)])
    until_applied(service, [story])


def test_a_checkpoint_is_over_every_head_signed_and_published(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    pay(allowance, wire, "signed-1", "61001")
    pay(allowance, wire, "signed-2", "61002")

    taken = take(allowance)

    wait_for(lambda: published(servers) != [], what="the checkpoint is published")
    assert published(servers) == [taken]
    assert allowance.client.get("/v1/checkpoints").json() == [taken]
    (key,) = allowance.client.get("/v1/signing-keys").json()
    assert (key["key_id"], key["endorsed_by"]) == (taken["key_id"], None)
    Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"])).verify(
        base64.b64decode(taken["signature"]), signed_bytes(taken)
    )
    with psycopg.connect(servers.database_url("allowance", "auditor")) as connection:
        heads = connection.execute(
            "SELECT citizen_id::TEXT, entry_no, head FROM citizens ORDER BY citizen_id"
        ).fetchall()
        heads += connection.execute(
            "SELECT 'rules', version, hash FROM rules ORDER BY version DESC LIMIT 1"
        ).fetchall()
    leaves = [leaf_hash(name, number, bytes(head)) for name, number, head in heads]
    assert taken["merkle_root"] == merkle_root(leaves).hex()
    assert (taken["checkpoint_no"], taken["citizens"], taken["entries"]) == (1, 2, 4)


def test_nothing_new_gives_the_last_and_a_key_its_first_answer(
    allowance: ServiceProcess, wire: Wire
) -> None:
    pay(allowance, wire, "again-1", "61101")
    first = take(allowance, "asked-1")

    unchanged = take(allowance)
    pay(allowance, wire, "again-2", "61102")
    repeated, later = take(allowance, "asked-1"), take(allowance, "asked-2")

    assert (unchanged, repeated) == (first, first)
    assert later["checkpoint_no"] == first["checkpoint_no"] + 1
    assert later["entries"] == first["entries"] + 2


def test_asked_at_once_one_is_taken(allowance: ServiceProcess, wire: Wire) -> None:
    before = take(allowance)
    pay(allowance, wire, "at-once", "61201")

    with ThreadPoolExecutor(AT_ONCE) as callers:
        taken = list(callers.map(lambda _: take(allowance), range(AT_ONCE)))

    assert {each["checkpoint_no"] for each in taken} == {before["checkpoint_no"] + 1}


def test_those_taken_while_wages_are_entered_are_each_of_one_moment(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    stories = [Story(f"busy-{n}", card_no=f"62{n:03d}") for n in range(CITIZENS)]
    before = take(allowance)["checkpoint_no"]

    def enter() -> None:
        wire.send([story.issued() for story in stories])
        for n in range(WAGES):
            wire.send([s.wage(f"{s.card_no}-{n}", "2023-02-01", 100) for s in stories])

    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(enter)
        while not sending.done():  # bounded by the wages there are
            take(allowance)
        sending.result()
    until_applied(allowance, stories)
    last = take(allowance)

    with auditor({AUDITOR_URL: servers.database_url("allowance", "auditor")}) as connection:
        report = check_heads(connection, Held())
    assert report.faults == []
    assert (report.checkpoints, report.younger) == (last["checkpoint_no"], 0)
    assert last["checkpoint_no"] > before + 1, "some were taken meanwhile"


def test_the_running_role_may_only_add(servers: Servers, allowance: ServiceProcess) -> None:
    take(allowance)
    with psycopg.connect(servers.database_url("allowance"), autocommit=True) as connection:
        for attempt in (
            "UPDATE checkpoints SET taken_at = now()",
            "DELETE FROM checkpoints",
            "UPDATE signing_keys SET added_at = now()",
            "DELETE FROM signing_keys",
            "TRUNCATE signing_keys CASCADE",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attempt)


def test_the_clock_takes_them_and_a_second_party_gets_each_once(
    servers: Servers, allowance: ServiceProcess, wire: Wire, tmp_path: Path
) -> None:
    allowance.kill()
    file = tmp_path / "heads.jsonl"
    with second_party(refuses=1) as party:
        service = signing(
            servers,
            FRIKORT_ALLOWANCE_CHECKPOINT_EVERY_S="0.2",
            FRIKORT_ALLOWANCE_CHECKPOINT_FILE=str(file),
            FRIKORT_ALLOWANCE_CHECKPOINT_URL=party.url,
            FRIKORT_ALLOWANCE_CHECKPOINT_TOKEN="of-heads",
        ).start()
        try:
            before = len(published(servers))
            pay(service, wire, "clock", "61301")
            wait_for(lambda: len(published(servers)) > before, what="one is taken by the clock")
            wait_for(lambda: party.kept == published(servers), what="the endpoint has all")
            wait_for(lambda: lines(file) == published(servers), what="the file has all")
            wait_for(
                lambda: all(
                    f'frikort_checkpoints_to_hand_over{{to="{to}"}} 0.0'
                    in service.client.get("/metrics").text
                    for to in ("file", "endpoint")
                ),
                what="the metric says so",
            )
        finally:
            service.close()
        all_of_them = published(servers)
        numbers = [each["checkpoint_no"] for each in all_of_them]
        assert numbers == list(range(1, len(numbers) + 1))
        roots = [each["merkle_root"] for each in all_of_them]
        assert len(set(roots)) == len(roots), "none is taken where nothing has changed"


def test_a_new_key_is_endorsed_by_the_one_before_and_the_old_one_retires(
    servers: Servers, allowance: ServiceProcess
) -> None:
    allowance.kill()
    last = published(servers)[-1]
    alone = signing(servers, FRIKORT_ALLOWANCE_SIGNING_KEY=SECOND_KEY)
    alone.launch()
    assert alone.ended() != 0, "nobody vouches for the new key"

    rotated = signing(
        servers,
        FRIKORT_ALLOWANCE_SIGNING_KEY=SECOND_KEY,
        FRIKORT_ALLOWANCE_SIGNING_KEY_BEFORE=FIRST_KEY,
    ).start()
    try:
        taken = take(rotated)
        first, second = rotated.client.get("/v1/signing-keys").json()
        old = Ed25519PublicKey.from_public_bytes(base64.b64decode(first["public_key"]))
        old.verify(
            base64.b64decode(second["endorsement"]),
            endorsed_bytes(base64.b64decode(second["public_key"])),
        )
        assert (taken["key_id"], second["endorsed_by"]) == (second["key_id"], first["key_id"])
        assert taken["merkle_root"] == last["merkle_root"], "signed again by the new key"
    finally:
        rotated.close()
    left_behind = signing(servers).start()
    try:
        refused = left_behind.client.post("/v1/checkpoints")
        assert (refused.status_code, refused.json()["code"]) == (409, "signing-key-retired")
    finally:
        left_behind.close()

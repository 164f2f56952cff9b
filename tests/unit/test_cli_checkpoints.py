"""Verification of checkpoints and keys, on a ledger in memory: each damage is found and named."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.checkpoints import Held, check_checkpoints
from cli.inclusion import fault_of
from cli.trees import Tree
from frikort_contracts.merkle import inclusion_path, merkle_root
from tests.unit.checkpoint_ledger import (
    BEGAN,
    FIRST,
    SECOND,
    STRANGER,
    Journal,
    key_of,
    ledger,
)

Damage = Callable[[Journal], None]
NOTHING = Held()


def found(journal: Journal, held: Held = NOTHING) -> list[tuple[str, str]]:
    """Verify, and name where and what is wrong."""
    report = check_checkpoints(journal.kept(), held, journal.changes)
    return [(fault.where, fault.field) for fault in report.faults]


def heads_of(journal: Journal) -> list[dict[str, Any]]:
    return [json.loads(row["bytes"]) for row in journal.rows]


@given(
    names=st.lists(st.text("0123456789abcdef", min_size=1), min_size=1, max_size=30),
    cut=st.integers(0, 30),
)
def test_a_tree_that_changes_is_the_tree_made_at_once(names: list[str], cut: int) -> None:
    tree, told = Tree(), dict.fromkeys(names[:cut], bytes(32))
    tree.change(told)
    later = {name: name.encode().ljust(32) for name in names[cut // 2 :]}
    tree.change(later)

    merged = told | later
    assert tree.root == merkle_root([merged[name] for name in sorted(merged)])
    assert list(tree.names) == sorted(merged)


def test_a_whole_ledger_has_nothing_wrong_and_says_what_is_younger() -> None:
    journal = ledger()

    report = check_checkpoints(journal.kept(), Held(heads=heads_of(journal)[:2]), journal.changes)

    assert report.faults == []
    assert (report.checkpoints, report.keys, report.heads) == (4, 2, 2)
    assert (report.younger, report.younger_than_held) == (1, 6)


def test_without_heads_kept_elsewhere_every_entry_is_younger() -> None:
    journal = ledger()

    report = check_checkpoints(journal.kept(), NOTHING, journal.changes)

    assert report.younger_than_held == len(journal.entries)


def entry_of(place: int, hashed: bytes) -> Damage:
    def damage(journal: Journal) -> None:
        journal.entries[place] = (*journal.entries[place][:4], hashed)

    return damage


def row_of(place: int, **changed: Any) -> Damage:
    return lambda journal: journal.rows[place].update(changed)


def signed_of(place: int, **changed: Any) -> Damage:
    return lambda journal: journal.resign(place, changed, SECOND if place > 1 else FIRST)


def payload_of(place: int, **changed: Any) -> Damage:
    def damage(journal: Journal) -> None:
        published = json.loads(journal.rows[place]["bytes"]) | changed
        journal.rows[place]["bytes"] = json.dumps(published).encode()

    return damage


def key_changed(place: int, **changed: Any) -> Damage:
    def damage(journal: Journal) -> None:
        journal.keys[place] = replace(journal.keys[place], **changed)

    return damage


def first_key_removed(journal: Journal) -> None:
    journal.keys.pop(0)


def signed_by_retired_key(journal: Journal) -> None:
    journal.resign(3, {"key_id": FIRST.key_id})
    journal.rows[3]["key_id"] = FIRST.key_id


def rule_removed(journal: Journal) -> None:
    del journal.rules[2]


def rule_changed(journal: Journal) -> None:
    journal.rules[1] = b"\x00" * 32


def row_removed(journal: Journal) -> None:
    journal.rows.pop(1)


def rows_swapped(journal: Journal) -> None:
    journal.rows[0]["bytes"], journal.rows[1]["bytes"] = (
        journal.rows[1]["bytes"],
        journal.rows[0]["bytes"],
    )


def tail_cut(journal: Journal) -> None:
    del journal.entries[-2:]


DAMAGE: dict[str, tuple[Damage, str, str]] = {
    "another hash of an old entry": (entry_of(0, bytes(32)), "none", ""),
    "another hash of a head": (entry_of(3, bytes(32)), "checkpoint 2", "merkle_root"),
    "another hash of a rule": (rule_changed, "checkpoint 1", "merkle_root"),
    "a missing rule": (rule_removed, "checkpoint 3", "rules"),
    "a cut tail": (tail_cut, "checkpoint 4", "entries of partition 2"),
    "a changed root": (payload_of(1, merkle_root="0" * 64), "checkpoint 2", "signature"),
    "a changed root, signed anew": (
        signed_of(1, merkle_root="0" * 64),
        "checkpoint 2",
        "merkle_root",
    ),
    "another number of citizens": (signed_of(1, citizens=9), "checkpoint 2", "citizens"),
    "another number of entries": (signed_of(1, entries=9), "checkpoint 2", "entries"),
    "positions that go back": (
        signed_of(3, positions=[0] * 12, entries=0),
        "checkpoint 4",
        "positions of partition 1",
    ),
    "positions of too few partitions": (payload_of(1, positions=[1]), "checkpoint 2", "positions"),
    "no positions": (payload_of(1, positions=None), "checkpoint 2", "positions"),
    "a time that goes back": (
        signed_of(2, taken_at="2020-01-01T00:00:00.000000Z"),
        "checkpoint 3",
        "taken_at",
    ),
    "another time in the column": (row_of(1, taken_at=BEGAN), "checkpoint 2", "taken_at"),
    "another key in the column": (row_of(1, key_id=SECOND.key_id), "checkpoint 2", "key_id"),
    "another number in the column": (row_of(1, checkpoint_no=7), "checkpoint 7", "checkpoint_no"),
    "bytes that are no JSON": (row_of(1, bytes=b"{"), "checkpoint 2", "bytes"),
    "a missing checkpoint": (row_removed, "checkpoint 3", "checkpoint_no"),
    "two swapped checkpoints": (rows_swapped, "checkpoint 1", "bytes"),
    "a signature of a stranger": (
        lambda journal: journal.resign(1, {}, STRANGER),
        "checkpoint 2",
        "signature",
    ),
    "a signature that is no text of ours": (
        payload_of(1, signature="%"),
        "checkpoint 2",
        "signature",
    ),
    "a key nobody knows": (
        lambda journal: journal.resign(1, {"key_id": STRANGER.key_id}, STRANGER),
        "checkpoint 2",
        "key_id",
    ),
    "a key that was retired": (signed_by_retired_key, "checkpoint 4", "key_id"),
    "another public key": (
        key_changed(1, public_key=STRANGER.public_key),
        f"key {SECOND.key_id}",
        "key_id",
    ),
    "an endorsement of a stranger": (
        key_changed(1, endorsement=STRANGER.endorse(SECOND.public_key)),
        f"key {SECOND.key_id}",
        "endorsement",
    ),
    "an endorsement by a key nobody knows": (
        key_changed(1, endorsed_by=STRANGER.key_id),
        f"key {SECOND.key_id}",
        "endorsed_by",
    ),
    "no endorsement": (
        key_changed(1, endorsed_by=None, endorsement=None),
        f"key {SECOND.key_id}",
        "endorsed_by",
    ),
    "a missing first key": (first_key_removed, "checkpoint 1", "key_id"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_to_checkpoints_is_found_and_named(name: str) -> None:
    damage, where, what = DAMAGE[name]
    journal = ledger()

    damage(journal)

    if where == "none":  # an entry that is not the last of its citizen is the chain's to prove
        assert found(journal) == []
    else:
        assert (where, what) in found(journal)


def test_a_history_rewritten_whole_is_found_by_a_head_kept_elsewhere() -> None:
    kept_elsewhere = heads_of(ledger())[:2]
    rewritten = ledger(salt="other")

    assert found(rewritten) == [], "it agrees with itself, keys, signatures and all"
    assert found(rewritten, Held(heads=kept_elsewhere)) == [
        ("checkpoint 1", "merkle_root"),
        ("checkpoint 2", "merkle_root"),
        ("head 1", "merkle_root"),
        ("head 2", "merkle_root"),
    ]


def test_a_history_rewritten_shorter_is_found_by_a_head_kept_elsewhere() -> None:
    kept_elsewhere = heads_of(ledger())
    shorter = Journal()
    shorter.enter("anna-1")
    shorter.checkpoint()

    held = found(shorter, Held(heads=kept_elsewhere[3:]))

    assert ("checkpoint 4", "stored") in held
    assert ("head 4", "entries of partition 1") in held
    assert ("head 4", "rules") in held


def test_a_history_signed_by_another_key_is_found_by_keys_kept_elsewhere() -> None:
    rewritten = Journal(signer=STRANGER, keys=[key_of(STRANGER)])
    rewritten.enter("anna-1")
    rewritten.checkpoint()

    assert found(rewritten) == []
    assert found(rewritten, Held(keys=[key_of(FIRST)])) == [
        (f"key {STRANGER.key_id}", "endorsed_by"),
        (f"key {FIRST.key_id}", "key"),
        ("checkpoint 1", "key_id"),
    ]


def test_the_first_key_kept_elsewhere_vouches_for_those_after_it() -> None:
    assert found(ledger(), Held(keys=[key_of(FIRST)])) == []


def test_a_head_that_was_forged_elsewhere_is_named_too() -> None:
    journal = ledger()
    (first, *_) = heads_of(journal)
    forged = first | {"merkle_root": "0" * 64}

    assert found(journal, Held(heads=[forged, "no head"])) == [
        ("head ?", "line"),
        ("checkpoint 1", "merkle_root"),
        ("head 1", "signature"),
        ("head 1", "merkle_root"),
    ]


def proof(journal: Journal) -> dict[str, Any]:
    """Make the proof of a citizen's head in the last checkpoint."""
    checkpoint = heads_of(journal)[-1]
    changes = list(journal.changes([checkpoint["positions"]]))
    tree = Tree()
    tree.change(_leaves(journal, changes, checkpoint["rules_version"]))
    citizen_id, index = tree.names[0], 0
    own = next(change for change in changes if change.citizen_id == citizen_id)
    return {
        "citizen_id": citizen_id,
        "entry_no": own.entry_no,
        "hash": own.hash.hex(),
        "leaf": index,
        "leaves": len(tree),
        "path": [each.hex() for each in inclusion_path(tree.leaves, index)],
        "checkpoint": checkpoint,
        "keys": [key.to_line() for key in journal.keys],
    }


def _leaves(journal: Journal, changes: Any, version: int) -> dict[str, bytes]:
    from cli.trees import Heads  # noqa: PLC0415 - the reader's own, not the ledger's

    heads = Heads()
    heads.take(changes)
    (tree,) = heads.trees(journal.rules, [version])
    return dict(zip(tree.names, tree.leaves, strict=True))


def test_a_proof_holds_by_itself() -> None:
    assert fault_of(proof(ledger()), None) is None
    assert fault_of(proof(ledger()), [key_of(FIRST)]) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"entry_no": 9}, "the path leads to"),
        ({"hash": "00" * 32}, "the path leads to"),
        ({"leaf": 1}, "the path leads to"),
        ({"leaf": 99}, "no whole proof"),
        ({"leaves": 99}, "no whole proof"),
        ({"leaves": 3}, "it is of a tree of 3 leaves"),
        ({"path": []}, "no whole proof"),
        ({"hash": "no hash"}, "no whole proof"),
        ({"checkpoint": {}}, "no whole proof"),
        ({"keys": []}, "not signed by a key that is trusted"),
        ({"keys": [key_of(STRANGER).to_line()]}, "not signed by a key that is trusted"),
    ],
)
def test_a_proof_that_was_changed_does_not_hold(changed: dict[str, Any], said: str) -> None:
    assert said in (fault_of(proof(ledger()) | changed, None) or "")


def test_a_proof_of_strangers_does_not_hold_against_a_key_kept_elsewhere() -> None:
    assert "not signed" in (fault_of(proof(ledger()), [key_of(STRANGER)]) or "")

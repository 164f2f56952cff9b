"""`frikort ledger prove`: that a citizen's head is in the newest checkpoint, and that check again.

The proof needs nothing but itself, the public key and RFC 9162's tree: no database, no other
citizen's entries.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checkpoints import Checkpoint
from cli.errors import Rejection
from cli.heads import read_changes, read_held, read_kept
from cli.journal import auditor
from cli.keys import Key, trust
from cli.output import print_json, say
from cli.trees import Heads
from frikort_contracts.merkle import PathTooLongError, inclusion_path, leaf_hash, root_of_path

if TYPE_CHECKING:
    import psycopg

Card = Annotated[str | None, typer.Argument(help="The card of the citizen to prove.")]
Check = Annotated[Path | None, typer.Option(help="Check a proof that was printed before.")]
KeysFile = Annotated[Path | None, typer.Option(help="Public keys kept elsewhere, for --check.")]


def prove_card(card_no: Card = None, *, check: Check = None, keys: KeysFile = None) -> None:
    """Print a proof that a citizen's last entry is in the newest checkpoint; or check one."""
    if (card_no is None) == (check is None):
        raise typer.BadParameter("give a card number, or --check FILE")
    if card_no is not None:
        with auditor(os.environ) as connection:
            print_json(proof_of(connection, card_no))
    elif check is not None:
        held = read_held(None, keys).keys
        fault = fault_of(_read(check), held)
        if fault is not None:
            raise Rejection(f"{check} proves nothing: {fault}", code="not-proved")
        say(_told(_read(check), trusted=held is not None))


def proof_of(connection: "psycopg.Connection[dict[str, Any]]", card_no: str) -> dict[str, Any]:
    """Make the proof of a card's holder.

    Raises:
        Rejection: there is no such card, no checkpoint, or none of this citizen yet; or the
            journal does not give the checkpoint's root.
    """
    row = connection.execute("SELECT citizen_id FROM cards WHERE card_no = %s", [card_no])
    card = row.fetchone()
    if card is None:
        raise Rejection(f"the ledger knows no card {card_no}", code="card-unknown")
    kept = read_kept(connection)
    if not kept.rows:
        raise Rejection(
            "there is no checkpoint yet: take one with `frikort ledger checkpoint`",
            code="no-checkpoint",
        )
    checkpoint: Checkpoint = json.loads(bytes(kept.rows[-1]["bytes"]))
    changes = list(read_changes(connection, [checkpoint["positions"]]))
    heads, citizen_id = Heads(), str(card["citizen_id"])
    heads.take(changes)
    own = next((change for change in changes if change.citizen_id == citizen_id), None)
    if own is None:
        raise Rejection(
            f"card {card_no} is younger than the last checkpoint: take one with "
            "`frikort ledger checkpoint`",
            code="not-in-checkpoint",
        )
    (tree,) = heads.trees(kept.rules, [checkpoint["rules_version"]])
    if tree.root.hex() != checkpoint["merkle_root"]:
        raise Rejection(
            "the journal does not give the newest checkpoint's root: see `frikort ledger verify`",
            code="not-proved",
        )
    index = list(tree.names).index(citizen_id)
    return {
        "citizen_id": citizen_id,
        "entry_no": own.entry_no,
        "hash": own.hash.hex(),
        "leaf": index,
        "leaves": len(tree),
        "path": [each.hex() for each in inclusion_path(tree.leaves, index)],
        "checkpoint": dict(checkpoint),
        "keys": [key.to_line() for key in kept.keys],
    }


def fault_of(proof: Mapping[str, Any], held: Sequence[Key] | None) -> str | None:
    """Say what is wrong with a proof, None if it holds; `held` are keys kept elsewhere."""
    try:
        checkpoint = proof["checkpoint"]
        keys, faults = trust([Key.of_line(line) for line in proof["keys"]], held)
        root = root_of_path(
            leaf_hash(proof["citizen_id"], proof["entry_no"], bytes.fromhex(proof["hash"])),
            proof["leaf"],
            proof["leaves"],
            [bytes.fromhex(each) for each in proof["path"]],
        )
        signed_root = checkpoint["merkle_root"]
        leaves = checkpoint["citizens"] + (checkpoint["rules_version"] > 0)
    except (KeyError, TypeError, ValueError, OverflowError, IndexError, PathTooLongError) as error:
        return f"it is no whole proof ({type(error).__name__})"
    if proof["leaves"] != leaves:
        return f"it is of a tree of {proof['leaves']} leaves, the checkpoint of {leaves}"
    if root.hex() != signed_root:
        return f"the path leads to {root.hex()}, the checkpoint's root is {signed_root}"
    if not keys.signed(checkpoint):
        wrong = next(iter(faults), None)
        why = "" if wrong is None else f" ({wrong.where}: {wrong.field} {wrong.found})"
        return f"the checkpoint is not signed by a key that is trusted{why}"
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        proof = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {type(error).__name__}") from error
    if not isinstance(proof, dict):
        raise typer.BadParameter(f"{file} is no proof")
    return proof


def _told(proof: Mapping[str, Any], *, trusted: bool) -> str:
    checkpoint = proof["checkpoint"]
    by = "that is trusted" if trusted else "taken from the proof itself: give --keys to trust it"
    return (
        f"Proved: entry {proof['entry_no']} of citizen {proof['citizen_id']}, hash "
        f"{proof['hash']}, is in checkpoint {checkpoint['checkpoint_no']} of "
        f"{checkpoint['taken_at']}, signed by key {checkpoint['key_id']}, {by}."
    )

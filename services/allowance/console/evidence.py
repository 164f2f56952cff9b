"""What stands behind an entry: its source, its bytes, its place in the chain, its proof. Pure.

The chain is recomputed from the bytes, by this service's own code; an auditor who does not take
its word has `frikort ledger verify`, which shares none of it.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from frikort_contracts.explanations import ExplainedEntry
from frikort_contracts.merkle import (
    RULES_LEAF,
    inclusion_path,
    leaf_hash,
    root_of_path,
    signed_bytes,
)
from services.allowance.entry import GENESIS, chain_hash
from services.allowance.explain import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A citizen's chain, recomputed; `broken_at` is the first entry whose hash is another."""

    entries: int
    head: str
    broken_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Where every chain ended when a checkpoint was taken, as the journal has it now.

    `citizens`: in the order of their identifiers, the number and hash of their last entry that
    the checkpoint covers; `rules`: the same of the rules, None if there were none.
    """

    citizens: Mapping[str, tuple[int, bytes]]
    rules: tuple[int, bytes] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The way from a citizen's leaf to the root of a signed checkpoint.

    `entry_no`: their last entry that it covers, 0 if it covers none; `siblings` are the path's
    hashes, the lowest first. `leads_to_root` and `signed` are what was found on looking.
    """

    checkpoint: Mapping[str, Any]
    citizen_id: str
    entry_no: int
    head: str
    leaf: str
    index: int
    leaves: int
    siblings: tuple[str, ...]
    root: str
    leads_to_root: bool
    signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """An entry of the journal; `explained` where it decided something."""

    entry_no: int
    first: bool
    last: bool
    content: Mapping[str, Any]
    explained: ExplainedEntry | None
    cvr: str | None
    hash: str
    hash_before: str
    hash_recomputed: str
    bytes_sha256: str
    payload: str
    text: str
    chain: Chain

    @property
    def untouched(self) -> bool:
        """Tell whether this entry's hash is that of its bytes and of the hash before."""
        return self.hash == self.hash_recomputed


def entry_view(
    journal: Sequence[Row],
    entry_no: int,
    *,
    explained: ExplainedEntry | None,
    cvr: str | None,
) -> EntryView | None:
    """Show an entry; None if there is none of that number. `journal`: all of one citizen's."""
    place = next((i for i, row in enumerate(journal) if row["entry_no"] == entry_no), None)
    if place is None:
        return None
    row = journal[place]
    before = bytes(journal[place - 1]["hash"]) if place else GENESIS
    content = orjson.loads(row["bytes"])
    return EntryView(
        entry_no=entry_no,
        first=place == 0,
        last=place == len(journal) - 1,
        content=content,
        explained=explained,
        cvr=cvr,
        hash=bytes(row["hash"]).hex(),
        hash_before=before.hex(),
        hash_recomputed=chain_hash(before, bytes(row["bytes"])).hex(),
        bytes_sha256=hashlib.sha256(row["bytes"]).hexdigest(),
        payload=orjson.dumps(content["source"]["payload"], option=orjson.OPT_INDENT_2).decode(),
        text=bytes(row["bytes"]).decode(),
        chain=recompute(journal),
    )


def recompute(journal: Sequence[Row]) -> Chain:
    """Recompute a citizen's chain from the bytes alone."""
    previous, broken_at = GENESIS, None
    for number, row in enumerate(journal, start=1):
        previous = chain_hash(previous, bytes(row["bytes"]))
        sound = row["entry_no"] == number and previous == bytes(row["hash"])
        if not sound and broken_at is None:
            broken_at = number
    head = bytes(journal[-1]["hash"]).hex() if journal else GENESIS.hex()
    return Chain(entries=len(journal), head=head, broken_at=broken_at)


def prove(
    checkpoint: Mapping[str, Any], public_key: bytes, citizen_id: str, heads: Heads
) -> Proof | None:
    """Prove a citizen's chain by a checkpoint as published; None if it covers none of it."""
    if citizen_id not in heads.citizens:
        return None
    leaves = [leaf_hash(name, *head) for name, head in heads.citizens.items()]
    if heads.rules is not None:
        leaves.append(leaf_hash(RULES_LEAF, *heads.rules))
    index = list(heads.citizens).index(citizen_id)
    path = inclusion_path(leaves, index)
    root = root_of_path(leaves[index], index, len(leaves), path).hex()
    entry_no, head = heads.citizens[citizen_id]
    return Proof(
        checkpoint=checkpoint,
        citizen_id=citizen_id,
        entry_no=entry_no,
        head=head.hex(),
        leaf=leaves[index].hex(),
        index=index,
        leaves=len(leaves),
        siblings=tuple(sibling.hex() for sibling in path),
        root=root,
        leads_to_root=root == checkpoint["merkle_root"],
        signed=_is_signed(checkpoint, public_key),
    )


def _is_signed(checkpoint: Mapping[str, Any], public_key: bytes) -> bool:
    signature = base64.b64decode(checkpoint["signature"])
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed_bytes(checkpoint))
    except InvalidSignature:
        return False
    return True

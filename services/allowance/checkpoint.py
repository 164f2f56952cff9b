"""A checkpoint's content, made from the heads of the ledger. Pure.

A leaf for each citizen who has an entry, in the order of their identifiers, and one for the
rules if there are any (`frikort_contracts.merkle`). Whoever holds the root and the positions can
make the same tree from any later journal.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from frikort_contracts.allowance import CheckpointSigned
from frikort_contracts.merkle import RULES_LEAF, leaf_hash, merkle_root
from services.allowance.signing import Signer

FIRST_NO = 1


class Head(NamedTuple):
    """Where a chain ends: the number of its last entry, and that entry's hash (32 bytes)."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Where every chain of the ledger ends, all at one moment.

    `positions`: per partition the last journal_seq; `citizens`: by identifier in lower case;
    `rules`: None while there are none.
    """

    positions: Sequence[int]
    citizens: Mapping[str, Head]
    rules: Head | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a checkpoint says of the ledger; equal ones say the same."""

    positions: tuple[int, ...]
    rules_version: int
    citizens: int
    merkle_root: str


def summarise(heads: Heads) -> Summary:
    """Make the tree over all heads; takes up to a second for 50,000 citizens."""
    leaves = [leaf_hash(name, *head) for name, head in sorted(heads.citizens.items())]
    if heads.rules is not None:
        leaves.append(leaf_hash(RULES_LEAF, *heads.rules))
    return Summary(
        positions=tuple(heads.positions),
        rules_version=0 if heads.rules is None else heads.rules.number,
        citizens=len(heads.citizens),
        merkle_root=merkle_root(leaves).hex(),
    )


def summary_of(checkpoint: Mapping[str, Any]) -> Summary:
    """Give what a checkpoint, as published, says of the ledger."""
    return Summary(
        positions=tuple(checkpoint["positions"]),
        rules_version=checkpoint["rules_version"],
        citizens=checkpoint["citizens"],
        merkle_root=checkpoint["merkle_root"],
    )


def sign_checkpoint(
    summary: Summary, *, checkpoint_no: int, taken_at: dt.datetime, signer: Signer
) -> CheckpointSigned:
    """Make the checkpoint of a summary, signed over every other field of it."""
    unsigned = CheckpointSigned(
        known_at=taken_at,
        checkpoint_no=checkpoint_no,
        taken_at=taken_at,
        citizens=summary.citizens,
        entries=sum(summary.positions),
        merkle_root=summary.merkle_root,
        key_id=signer.key_id,
        signature="",
        positions=summary.positions,
        rules_version=summary.rules_version,
    )
    return unsigned.model_copy(
        update={"signature": signer.sign(unsigned.model_dump(mode="json", exclude_none=True))}
    )

"""A checkpoint's content, its signature, and the keys that follow one another. Pure."""

import base64
import datetime as dt
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from frikort_contracts.allowance import CheckpointSigned
from frikort_contracts.merkle import (
    EMPTY_ROOT,
    endorsed_bytes,
    leaf_hash,
    merkle_root,
    signed_bytes,
)
from services.allowance.checkpoint import Head, Heads, sign_checkpoint, summarise, summary_of
from services.allowance.signing import Signer, SigningKeyError

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
ONE, OTHER = "0a000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
SIGNER = Signer(bytes(range(32)))
POSITIONS = (0, 5, *(0,) * 10)


RULES = Head(3, b"\x03" * 32)


def heads(*, rules: Head | None = RULES) -> Heads:
    citizens = {OTHER: Head(2, b"\x02" * 32), ONE: Head(3, b"\x01" * 32)}
    return Heads(positions=POSITIONS, citizens=citizens, rules=rules)


def test_the_leaves_are_the_citizens_in_order_and_the_rules_last() -> None:
    leaves = [
        leaf_hash(ONE, 3, b"\x01" * 32),
        leaf_hash(OTHER, 2, b"\x02" * 32),
        leaf_hash("rules", 3, b"\x03" * 32),
    ]

    summary = summarise(heads())

    assert summary.merkle_root == merkle_root(leaves).hex()
    assert (summary.citizens, summary.positions, summary.rules_version) == (2, POSITIONS, 3)


def test_without_rules_there_is_no_leaf_for_them() -> None:
    leaves = [leaf_hash(ONE, 3, b"\x01" * 32), leaf_hash(OTHER, 2, b"\x02" * 32)]

    summary = summarise(heads(rules=None))

    assert (summary.merkle_root, summary.rules_version) == (merkle_root(leaves).hex(), 0)


def test_an_empty_ledger_has_a_root_too() -> None:
    empty = summarise(Heads(positions=(0,) * 12, citizens={}, rules=None))

    assert (empty.merkle_root, empty.citizens) == (EMPTY_ROOT.hex(), 0)


def test_a_checkpoint_is_signed_over_everything_it_says() -> None:
    taken = sign_checkpoint(summarise(heads()), checkpoint_no=7, taken_at=NOW, signer=SIGNER)

    published = json.loads(taken.to_json())
    key = Ed25519PublicKey.from_public_bytes(SIGNER.public_key)
    signature = base64.b64decode(published["signature"])
    key.verify(signature, signed_bytes(published))
    assert published.keys() == CheckpointSigned.model_fields.keys()
    assert (published["entries"], published["key_id"]) == (5, SIGNER.key_id)
    for name in published.keys() - {"signature"}:
        with pytest.raises(InvalidSignature):
            key.verify(signature, signed_bytes(published | {name: 0}))


def test_what_was_published_says_again_what_it_was_made_of() -> None:
    summary = summarise(heads())
    taken = sign_checkpoint(summary, checkpoint_no=1, taken_at=NOW, signer=SIGNER)

    assert summary_of(json.loads(taken.to_json())) == summary


def test_a_key_endorses_the_one_after_it_and_no_other() -> None:
    after, stranger = Signer(b"\x01" * 32), Signer(b"\x02" * 32)
    key = Ed25519PublicKey.from_public_bytes(SIGNER.public_key)

    endorsement = SIGNER.endorse(after.public_key)

    key.verify(endorsement, endorsed_bytes(after.public_key))
    with pytest.raises(InvalidSignature):
        key.verify(endorsement, endorsed_bytes(stranger.public_key))


def test_a_key_of_another_length_is_refused_without_being_shown() -> None:
    with pytest.raises(SigningKeyError, match="32 bytes, this one 31"):
        Signer(bytes(31))

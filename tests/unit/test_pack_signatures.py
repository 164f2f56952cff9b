"""The verifier's own Ed25519: it takes what RFC 8032 makes, and refuses what lax readers take."""

import hashlib
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.pack.records import FaultError
from cli.pack.signatures import BASE, ORDER, P, _point, _times, from_base64, is_signed

VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
            "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0"
            "85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1"
            "8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
"""RFC 8032, section 7.1: public key, message, signature."""
IDENTITY = b"\x01" + bytes(31)
SMALL = [
    bytes(32),
    IDENTITY,
    (P - 1).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]
"""Points of order 4, 1, 2, 8 and 8: anybody can sign any message for them."""


def minus(point: bytes) -> bytes:
    return point[:31] + bytes([point[31] ^ 0x80])


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_vectors_of_the_standard_are_taken(key: str, message: str, signature: str) -> None:
    assert is_signed(*map(bytes.fromhex, (key, message, signature)))


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_every_bit_of_a_signature_counts(key: str, message: str, signature: str) -> None:
    draw = random.Random(message)  # noqa: S311 - a workload, no secret
    for place in draw.sample(range(512), 12):
        raw = bytearray(bytes.fromhex(signature))
        raw[place // 8] ^= 1 << place % 8
        assert not is_signed(bytes.fromhex(key), bytes.fromhex(message), bytes(raw))


def test_another_librarys_signatures_are_taken_and_no_others() -> None:
    draw = random.Random(8032)  # noqa: S311 - as above
    for length in range(12):
        private = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        other = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        key, message = private.public_key().public_bytes_raw(), draw.randbytes(length * 37)
        signature = private.sign(message)

        assert is_signed(key, message, signature)
        assert not is_signed(key, message + b"x", signature)
        assert not is_signed(other.public_key().public_bytes_raw(), message, signature)


def test_a_signature_has_one_form() -> None:
    key, message, signature = map(bytes.fromhex, VECTORS[1])
    s = int.from_bytes(signature[32:], "little")

    for more in (s + ORDER, s + 2 * ORDER):
        assert not is_signed(key, message, signature[:32] + more.to_bytes(32, "little"))


@pytest.mark.parametrize("key", [*SMALL, *map(minus, SMALL)])
@pytest.mark.parametrize("r", [IDENTITY, SMALL[2]])
def test_a_key_of_small_order_signs_nothing(key: bytes, r: bytes) -> None:
    for number in range(9):
        assert not is_signed(key, b"message %d" % number, r + bytes(32))


@pytest.mark.parametrize("r", [*SMALL, *map(minus, SMALL)])
def test_a_signature_of_small_order_is_none(r: bytes) -> None:
    """A holder of a key can make one for which S is k times their secret; nobody honest does."""
    secret = 2**254 + 8 * 12345
    key = _public(secret)
    for number in range(9):
        message = b"message %d" % number
        k = int.from_bytes(_sha512(r + key + message), "little") % ORDER
        s = (k * secret) % ORDER
        assert not is_signed(key, message, r + s.to_bytes(32, "little"))


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
def test_a_point_is_written_in_its_least_form(y: int) -> None:
    raw = y.to_bytes(32, "little")

    assert not is_signed(raw, b"", IDENTITY + bytes(32))
    assert not is_signed(bytes.fromhex(VECTORS[0][0]), b"", raw + bytes(32))


def test_no_point_has_two_forms() -> None:
    fine = [y for y in range(2, 19) if _point(y.to_bytes(32, "little"))]

    assert fine
    assert [y for y in fine if _point((y + P).to_bytes(32, "little"))] == []
    assert [y for y in fine if _point(y.to_bytes(33, "little"))] == []


def test_nothing_stands_after_a_signature() -> None:
    key, message, signature = map(bytes.fromhex, VECTORS[1])

    assert not is_signed(key, message, signature + b"\0")


@pytest.mark.parametrize(("key", "signature"), [(31, 64), (33, 64), (32, 63), (32, 65), (0, 0)])
def test_another_length_is_none(key: int, signature: int) -> None:
    assert not is_signed(b"\x05" * key, b"", b"\x05" * signature)


@pytest.mark.parametrize(
    "text", ["", "AA", "AA=", "AA==", "AB==", "AAAA====", "AA==\n", "!A==", None, 1]
)
def test_base64_has_one_form(text: object) -> None:
    if text == "AA==":
        assert from_base64("", "", text, 1) == b"\0"
        return
    with pytest.raises(FaultError):
        from_base64("", "", text, 1)


def _sha512(content: bytes) -> bytes:
    return hashlib.sha512(content).digest()


def _public(secret: int) -> bytes:
    """Give the public key of a scalar, with the verifier's own arithmetic."""
    assert BASE is not None
    x, y, z, _ = _times(secret, BASE)
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")

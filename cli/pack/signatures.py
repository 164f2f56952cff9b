"""Who signed: Ed25519 in plain Python (RFC 8032), keys by endorsement; the tree of RFC 9162."""

from __future__ import annotations

import base64
import hashlib

from cli.pack.records import FaultError, Record, demand, expect, is_a

KEY_LENGTH, SIGNATURE_LENGTH, KEY_ID_LENGTH = 32, 64, 16
Point = tuple[int, int, int, int]
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(factor: int, p: Point) -> Point:
    total = (0, 1, 1, 0)
    while factor:
        total = _add(total, p) if factor & 1 else total
        p, factor = _add(p, p), factor >> 1
    return total


def _point(raw: bytes) -> Point | None:
    """Read a point, None if it is none, not canonical, or of small order."""
    value = int.from_bytes(raw, "little")
    y, odd = value % 2**255, value >> 255
    u, v = y * y - 1, D * y * y + 1
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    x = x * ROOT % P if (v * x * x - u) % P else x
    if len(raw) != KEY_LENGTH or y >= P or (v * x * x - u) % P or (x == 0 and odd):
        return None
    x = P - x if x & 1 != odd else x
    point = (x, y, 1, x * y % P)
    return point if _times(8, point)[0] else None  # eight times a point of small order has x = 0


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a raw public key has signed a message: strictly, S below the order too."""
    a, r, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if not (a and r and BASE) or len(signature) != SIGNATURE_LENGTH or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    p, q = _times(s, BASE), _add(r, _times(k, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def from_base64(where: str, field: str, text: object, length: int) -> bytes:
    """Read so many bytes, written in the one way there is."""
    raw = base64.b64decode(str(text)) if is_a("base64", text) else b""
    if len(raw) != length or base64.b64encode(raw).decode() != text:
        raise FaultError(where, field, text, f"base64 of {length} bytes")
    return raw


def key_id(raw: bytes) -> str:
    """Name a public key."""
    return hashlib.sha256(raw).hexdigest()[:KEY_ID_LENGTH]


class Keys:
    """Who may sign: with trusted keys given, only these and whom they endorse."""

    def __init__(self, trusted: set[bytes | str]) -> None:
        self.trusted, self.known = trusted, dict[str, bytes]()

    def take(self, where: str, said: Record) -> None:
        """Take the next public key; who endorses it came before it."""
        raw = from_base64(where, "public_key", said["public_key"], KEY_LENGTH)
        expect(where, "key_id", said["key_id"], key_id(raw))
        endorser = said.get("endorsed_by")
        if endorser is not None:
            self.check(where, endorser, "endorsement", b"frikort-key-1\n" + raw, said)
            if self.trusts(endorser):
                self.trusted.add(raw)
        self.known[key_id(raw)] = raw

    def trusts(self, signer: str) -> bool:
        """Tell whether a known key is trusted."""
        return signer in self.trusted or self.known[signer] in self.trusted

    def require_trust(self, where: str, signer: str) -> None:
        """Name a signer that is not trusted, where any is."""
        if self.trusted and not self.trusts(signer):
            raise FaultError(where, "key_id", signer, "a key that you trust (--key)")

    def check(self, where: str, signer: object, field: str, message: bytes, said: Record) -> None:
        """Check a record's signature by a known key."""
        raw = self.known.get(signer) if isinstance(signer, str) else None
        if raw is None:
            raise FaultError(where, "key_id", signer, "a key that keys.jsonl names before it")
        signature = from_base64(where, field, said.get(field), SIGNATURE_LENGTH)
        if not is_signed(raw, message, signature):
            raise FaultError(where, field, said[field], f"a signature by {signer} of what is here")


def node(left: bytes, right: bytes) -> bytes:
    """Hash two nodes into the one above."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf(name: str, number: int, head: bytes) -> bytes:
    """Hash whose head it is, the number of its entry, and the hash."""
    name_and_number = name.encode() + b"\x00" + number.to_bytes(8, "big")
    return hashlib.sha256(b"\x00" + name_and_number + head).digest()


class Tree:
    """A tree made leaf by leaf, of the heads as they were when `said` was signed."""

    def __init__(self, said: Record) -> None:
        self.said = said
        self.stack: list[tuple[int, bytes]] = []
        self.leaves = 0

    def add(self, digest: bytes) -> None:
        """Add the next leaf."""
        size, self.leaves = 1, self.leaves + 1
        while self.stack and self.stack[-1][0] == size:
            digest, size = node(self.stack.pop()[1], digest), size * 2
        self.stack.append((size, digest))

    def add_rules(self, where: str, rules: list[Record], version: int) -> None:
        """Add the last leaf: the rules up to a version, if there are any."""
        expect(where, "rules_version is known", version <= len(rules), True)
        if version:
            self.add(leaf("rules", version, rules[version - 1]["hash"]))

    def root(self) -> str:
        """Give the root over the leaves so far."""
        digest = self.stack[-1][1] if self.stack else hashlib.sha256(b"").digest()
        for _, left in reversed(self.stack[:-1]):
            digest = node(left, digest)
        return digest.hex()


def check_path(where: str, digest: bytes, proof: Record, said: Record) -> None:
    """Check that a leaf and its path lead to the root of a checkpoint."""
    index, rest = proof["index"], list(proof["path"])
    count = said["citizens"] + (1 if said["rules_version"] else 0)
    if index >= count:
        raise FaultError(where, "index", index, f"less than {count}")
    while count > 1:
        if index ^ 1 < count:
            text = rest.pop(0) if rest else None
            demand(where, {"path": text}, {"path": "digest"})
            other = bytes.fromhex(str(text))
            digest = node(other, digest) if index & 1 else node(digest, other)
        index, count = index // 2, (count + 1) // 2
    expect(where, "path above the root", rest, [])
    expect(where, "merkle_root", digest.hex(), said["merkle_root"])

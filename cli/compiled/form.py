"""The form of an entry's bytes, as DESIGN.md gives it: what stands between its values.

And its postings, which follow from its decision.
"""

from services.chassis.compiled.copies import NULL
from services.chassis.compiled.jit import Array, Pointer, compiled
from services.chassis.compiled.text import ascii_of, byte, integer, literal

CITIZEN = ascii_of('{"citizen_id":"')
CODE_VERSION = ascii_of('","code_version":"')
DECISION = ascii_of('"decision":{"covered_ore":')
EXCESS = ascii_of(',"excess_ore":')
REASON = ascii_of(',"reason":"')
DECISION_YEAR = ascii_of('","year":')
DECIDED = ascii_of("},")
NEXT = ascii_of('",')
ENTRY_NO = ascii_of('"entry_no":')
EVENTS = ascii_of(',"events":[')
GRANTS_VERSION = ascii_of('],"grants_version":')
KNOWN_AT = ascii_of(',"known_at":"')
MUNICIPALITY = ascii_of('","municipality_code":"')
POSTINGS = ascii_of('","postings":[')
RECORDED_AT = ascii_of('],"recorded_at":"')
RULES_VERSION = ascii_of('","rules_version":')
SOURCE = ascii_of(',"source":{"id":"')
PAYLOAD = ascii_of('","payload":')
SHA256 = ascii_of(',"sha256":"')
TYPE = ascii_of('","type":"')
VERSION = ascii_of('","version":')
END = ascii_of("}}")
FROM_AVAILABLE = ascii_of('{"account":"available","amount_ore":')
TO_COVERED = ascii_of('{"account":"covered","amount_ore":')
FROM_EMPLOYER = ascii_of('{"account":"employer","amount_ore":')
TO_EXCESS = ascii_of('{"account":"excess","amount_ore":')
POSTING_YEAR = ascii_of(',"year":')
OVER_CAP = ascii_of("over-cap")
KIND_RESTORED = ascii_of("allowance-restored")
KIND_ATTENTION = ascii_of("attention-raised")
_COMMA, _CLOSE = 0x2C, 0x7D


@compiled
def postings(data: Pointer, at: int, end: int, covered_ore: int, excess_ore: int, year: int) -> int:
    """Expect what a decision's parts post; none of a part that is zero or not decided."""
    has_covered = covered_ore != 0 and covered_ore != NULL
    has_excess = excess_ore != 0 and excess_ore != NULL
    if has_covered:
        at = _posting(data, at, end, FROM_AVAILABLE, -covered_ore, year)
        at = byte(data, at, end, _COMMA)
        at = _posting(data, at, end, TO_COVERED, covered_ore, year)
    if has_covered and has_excess:
        at = byte(data, at, end, _COMMA)
    if has_excess:
        at = _posting(data, at, end, FROM_EMPLOYER, -excess_ore, year)
        at = byte(data, at, end, _COMMA)
        at = _posting(data, at, end, TO_EXCESS, excess_ore, year)
    return at


@compiled
def _posting(data: Pointer, at: int, end: int, account: Array, amount_ore: int, year: int) -> int:
    at = literal(data, at, end, account)
    at = integer(data, at, end, amount_ore)
    at = literal(data, at, end, POSTING_YEAR)
    at = integer(data, at, end, year)
    return byte(data, at, end, _CLOSE)

"""What INTERFACES and DOMAIN ask of the rows of the six kinds, as a list of what is broken.

Naive on purpose, and apart from the system's own checks.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from tests.unit.naive_municipality import KINDS, Rows, date, learned_on, moment, ore

LAST_DAY = dt.date(2023, 5, 31)
_BENEFITS = {
    "kontanthjaelp",
    "foertidspension",
    "ressourceforloebsydelse",
    "folkepension",
    "other",
    "none",
}
_KEYS = {
    "grants": ("card_no",),
    "grant-changes": ("card_no", "change", "effective_on"),
    "employments": ("employment_ref",),
    "wages": ("wage_ref",),
    "wage-reversals": ("wage_ref",),
}


def broken_rules(rows: Rows) -> list[str]:
    """List every row that breaks a rule, and the rule it breaks."""
    grants = {row["card_no"]: row for row in rows["grants"]}
    jobs = {row["employment_ref"]: row for row in rows["employments"]}
    wages = {row["wage_ref"]: row for row in rows["wages"]}
    return [
        *_order(rows),
        *_keys(rows),
        *(broken for row in rows["grants"] for broken in _grant(row)),
        *_one_live_card(rows),
        *_changes(rows, grants),
        *(broken for row in rows["employments"] for broken in _employment(row, grants)),
        *(broken for row in rows["wages"] for broken in _wage(row, jobs, grants)),
        *(broken for row in rows["wage-reversals"] for broken in _reversal(row, wages)),
        *(broken for row in rows["contacts"] for broken in _contact(row, grants)),
    ]


def _said(checks: dict[str, bool], row: dict[str, str]) -> Iterator[str]:
    return (f"{rule}: {row}" for rule, holds in checks.items() if not holds)


def _order(rows: Rows) -> Iterator[str]:
    for kind in KINDS:
        moments = [moment(row["registered_at"]) for row in rows[kind]]
        if moments != sorted(moments):
            yield f"{kind}: rows in the order of registered_at"
        if learned_on(rows[kind][-1]["registered_at"]) > LAST_DAY:
            yield f"{kind}: nothing learned after the last day"


def _keys(rows: Rows) -> Iterator[str]:
    for kind, columns in _KEYS.items():
        counted = Counter(tuple(row[column] for column in columns) for row in rows[kind])
        yield from (f"{kind}: key used twice: {key}" for key, times in counted.items() if times > 1)


def _one_live_card(rows: Rows) -> Iterator[str]:
    counted = Counter(row["cpr"] for row in rows["grants"])
    yield from (f"one card per CPR: {cpr}" for cpr, times in counted.items() if times > 1)


def _born(cpr: str) -> dt.date:
    """Read the birth date of a fictitious CPR number (DOMAIN 6.2, 6.6)."""
    year, seventh = int(cpr[4:6]), int(cpr[6])
    if seventh <= 3:
        century = 1900
    elif seventh in {4, 9}:
        century = 2000 if year <= 36 else 1900
    else:
        century = 2000 if year <= 57 else 1800
    return dt.date(century + year, int(cpr[2:4]), int(cpr[:2]) - 60)


def _grant(row: dict[str, str]) -> Iterator[str]:
    valid_from, decided_on = date(row["valid_from"]), date(row["decided_on"])
    born = _born(row["cpr"])
    age = (
        valid_from.year - born.year - ((valid_from.month, valid_from.day) < (born.month, born.day))
    )
    checks = {
        "card number of five digits": len(row["card_no"]) == 5 and row["card_no"].isdigit(),
        "CPR of ten digits": len(row["cpr"]) == 10 and row["cpr"].isdigit(),
        "Aarhus": row["municipality_code"] == "751",
        "18 or older": 18 <= age < 90,
        "in the age group": (age < 30) == (row["age_group"] == "under-30"),
        "an age group": row["age_group"] in {"under-30", "30-plus"},
        "a benefit": row["benefit"] in _BENEFITS,
        "decided before valid": decided_on <= valid_from <= LAST_DAY,
        "decided before learned": decided_on <= learned_on(row["registered_at"]),
        "act in effect": decided_on >= dt.date(2019, 1, 2),
    }
    return _said(checks, row)


def _changes(rows: Rows, grants: dict[str, dict[str, str]]) -> Iterator[str]:
    active = dict.fromkeys(grants, True)
    for row in rows["grant-changes"]:
        card_no, change, decided_on = row["card_no"], row["change"], date(row["decided_on"])
        was_active = active.get(card_no, False)
        checks = {
            "a known card": card_no in grants,
            "a known change": change in {"reviewed", "deactivated", "reactivated"},
            "effective on or after the decision": decided_on <= date(row["effective_on"]),
            "decided before learned": decided_on <= learned_on(row["registered_at"]),
            "in force within the history": date(row["effective_on"]) <= LAST_DAY,
            "changes what it can change": was_active == (change != "reactivated"),
            "after the grant": moment(row["registered_at"])
            >= moment(grants.get(card_no, row)["registered_at"]),
        }
        active[card_no] = change != "deactivated"
        yield from _said(checks, row)


def _cvr_is_right(cvr: str) -> bool:
    weights = (2, 7, 6, 5, 4, 3, 2, 1)
    digits = [int(digit) for digit in cvr]
    return len(cvr) == 8 and sum(d * w for d, w in zip(digits, weights, strict=True)) % 11 == 0


def _employment(row: dict[str, str], grants: dict[str, dict[str, str]]) -> Iterator[str]:
    starts_on = date(row["starts_on"])
    grant = grants.get(row["card_no"])
    checks = {
        "a known card": grant is not None,
        "CVR check digit": _cvr_is_right(row["cvr"]),
        "an employer": bool(row["employer"]),
        "a short sector": 0 < len(row["sector"]) <= 40,
        "starts within the history": starts_on <= LAST_DAY,
        "ends after it starts": not row["ends_on"] or date(row["ends_on"]) >= starts_on,
        "learned after the grant": grant is not None
        and moment(row["registered_at"]) >= moment(grant["registered_at"]),
    }
    return _said(checks, row)


def _wage(
    row: dict[str, str], jobs: dict[str, dict[str, str]], grants: dict[str, dict[str, str]]
) -> Iterator[str]:
    job = jobs.get(row["employment_ref"], {})
    amount = ore(row["amount_kr"])
    parts = [ore(row[part]) for part in ("holiday_pay_kr", "pension_kr") if row[part]]
    checks = {
        "a known employment of the card and firm": (job.get("card_no"), job.get("cvr"))
        == (row["card_no"], row["cvr"]),
        "paid before learned": date(row["paid_on"]) <= learned_on(row["registered_at"]),
        "paid after the employment starts": date(row["paid_on"]) >= date(job["starts_on"]),
        "an amount": amount > 0,
        "parts within the amount": sum(parts) < amount,
        "a payment method": row["payment_method"] in {"bank", "cash", "mobilepay", ""},
        "cash has a voucher": row["payment_method"] != "cash" or bool(row["voucher_ref"]),
        "learned after the grant": moment(row["registered_at"])
        >= moment(grants[row["card_no"]]["registered_at"]),
    }
    return _said(checks, row)


def _reversal(row: dict[str, str], wages: dict[str, dict[str, str]]) -> Iterator[str]:
    wage = wages.get(row["wage_ref"])
    checks = {
        "a known wage": wage is not None,
        "a reason": bool(row["reason"]),
        "reversed before learned": date(row["reversed_on"]) <= learned_on(row["registered_at"]),
        "reversed after the wage was learned": wage is not None
        and moment(wage["registered_at"]) < moment(row["registered_at"]),
        "reversed after it was paid": wage is not None
        and date(wage["paid_on"]) <= date(row["reversed_on"]),
    }
    return _said(checks, row)


def _contact(row: dict[str, str], grants: dict[str, dict[str, str]]) -> Iterator[str]:
    checks = {
        "a known card": row["card_no"] in grants,
        "a number that nobody has": len(row["phone"]) == 8 and row["phone"].startswith("6800"),
    }
    return _said(checks, row)

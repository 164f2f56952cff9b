"""Files with a bad row of every kind, each with what is to be said of it.

They rest on the few facts that `rows.REGISTERED` tells.
"""

from tests.e2e.rows import OTHER_CVR, change, contact, employment, grant, reversal, wage
from tests.e2e.sheets import Fault, Line, Row, Sheet

GRANTS = Sheet(
    "grants",
    (
        Line(grant("00021")),
        Line(grant("00022"), {"cpr": "7101100"}, (Fault("cpr", "cpr-format", "ten digits"),)),
        Line(
            grant("00023"),
            {"cpr": "9902300023"},
            (Fault("cpr", "cpr-format", "birth date, DDMMYY"),),
        ),
        Line(
            grant("00024"), {"card_no": "24"}, (Fault("card_no", "card-no-format", "five digits"),)
        ),
        Line(
            grant("00025"),
            {"card_no": ""},
            (Fault("card_no", "value-missing", "is needed on every row"),),
        ),
        Line(
            grant("00026"),
            {"municipality_code": "961"},
            (Fault("municipality_code", "municipality-code-format", "three digits"),),
        ),
        Line(
            grant("00027"),
            {"valid_from": "30-02-2023", "decided_on": "1/2/2023"},
            (
                Fault("valid_from", "date-format", "no such date"),
                Fault("decided_on", "date-format", "YYYY-MM-DD or DD-MM-YYYY"),
            ),
        ),
        Line(
            grant("00028"),
            {"benefit": "su", "age_group": "29"},
            (
                Fault("benefit", "benefit-unknown", "one of kontanthjaelp, foertidspension"),
                Fault("age_group", "age-group-unknown", "one of under-30, 30-plus"),
            ),
        ),
        Line(
            grant("00029"),
            {"registered_at": "2099-01-01"},
            (Fault("registered_at", "registered-in-future", "leave it out for now"),),
        ),
        Line(
            grant("00030"),
            {"registered_at": "2023-01-02 12:00"},
            (Fault("registered_at", "time-without-offset", "+02:00"),),
        ),
        Line(
            grant("00031"),
            {"cpr": grant("00011")["cpr"]},
            (Fault("cpr", "grant-exists", "deactivate or close it"),),
        ),
        Line(
            grant("00032"),
            grant("00012", benefit="none"),
            (Fault("benefit", "idempotency-mismatch", "another benefit"),),
        ),
    ),
    separator=",",
)

GRANT_CHANGES = Sheet(
    "grant-changes",
    (
        Line(change("00011", "reviewed")),
        Line(
            change("00012", "deactivated"),
            {"effective_on": "2023-02-14"},
            (Fault("effective_on", "effective-before-decided", "on or after decided_on"),),
        ),
        Line(
            change("00013", "reviewed"),
            {"change": "paused"},
            (Fault("change", "change-unknown", "one of reviewed, deactivated"),),
        ),
        Line(
            change("00014", "transferred", municipality_code="561"),
            {"municipality_code": ""},
            (Fault("municipality_code", "municipality-code-missing", "names the municipality"),),
        ),
        Line(
            change("00014", "reviewed"),
            {"card_no": "00098"},
            (Fault("card_no", "card-unknown", "grant it first"),),
        ),
        Line(
            change("00015", "reviewed"),
            {"change": "deactivated", "effective_on": "2023-04-01"},
            (Fault("change", "grant-inactive", "or reactivate it first"),),
        ),
        Line(
            change("00013", "deactivated"),
            {"change": "reactivated"},
            (Fault("change", "grant-active", "or deactivate it first"),),
        ),
        Line(
            change("00012", "reviewed"),
            {"municipality_code": "561"},
            (Fault("municipality_code", "municipality-not-a-transfer", "only a transfer"),),
        ),
    ),
)

EMPLOYMENTS = Sheet(
    "employments",
    (
        Line(employment("E-21", "00011", employer="Blåbær & Sønner", contact="Åse Ø.")),
        Line(
            employment("E-22", "00012"),
            {"cvr": "13748137"},
            (Fault("cvr", "cvr-check-digit", "virk.dk"),),
        ),
        Line(
            employment("E-23", "00012"),
            {"cvr": "DK13748136"},
            (Fault("cvr", "cvr-format", "eight digits"),),
        ),
        Line(
            employment("E-24", "00013"),
            {"sector": "rengøring, vinduespolering og græsslåning i Ærøskøbing"},
            (Fault("sector", "value-too-long", "at most 40 characters"),),
        ),
        Line(
            employment("E-25", "00013"),
            {"ends_on": "2023-01-02"},
            (Fault("ends_on", "ends-before-start", "on or after starts_on"),),
        ),
        Line(
            employment("E-28", "00014"),
            {"unsubsidised_attested": "false"},
            (Fault("unsubsidised_attested", "work-subsidised", "ordinary, unsubsidised work"),),
        ),
        Line(
            employment("E-26", "00014"),
            {"employer": ""},
            (Fault("employer", "value-missing", "is needed on every row"),),
        ),
        Line(
            employment("E-27", "00014"),
            {"employment_ref": "E-00011", "card_no": "00011", "sector": "gartneri"},
            (Fault("sector", "idempotency-mismatch", "another sector"),),
        ),
    ),
    encoding="cp1252",
)

FAULTY_WAGES: tuple[tuple[str, Row, Row, tuple[Fault, ...]], ...] = (
    (
        "22",
        {},
        {"amount_kr": "-150,00"},
        (Fault("amount_kr", "amount-not-positive", "corrected by a reversal"),),
    ),
    (
        "23",
        {},
        {"amount_kr": "0"},
        (Fault("amount_kr", "amount-not-positive", "more than 0"),),
    ),
    (
        "24",
        {"amount_kr": "1.250"},
        {"amount_kr": "1,250"},
        (Fault("amount_kr", "amount-ambiguous", "write 1250 for the former"),),
    ),
    (
        "25",
        {},
        {"amount_kr": "kr. 1250", "paid_on": "24.02.2023", "cvr": "13748137"},
        (
            Fault("cvr", "cvr-check-digit", "virk.dk"),
            Fault("paid_on", "date-format", "YYYY-MM-DD or DD-MM-YYYY"),
            Fault("amount_kr", "amount-format", "without a currency"),
        ),
    ),
    (
        "26",
        {},
        {"paid_on": "2099-02-24", "registered_at": ""},
        (Fault("paid_on", "wage-in-future", "register a wage once paid"),),
    ),
    (
        "27",
        {},
        {"paid_on": "2023-02-26"},
        (Fault("paid_on", "registered-before-paid", "is on or before 2023-02-25"),),
    ),
    (
        "28",
        {"payment_method": "cash", "voucher_ref": "B-28"},
        {"voucher_ref": ""},
        (Fault("voucher_ref", "voucher-missing", "needs a voucher_ref"),),
    ),
    (
        "29",
        {},
        {"payment_method": "check"},
        (Fault("payment_method", "payment-method-unknown", "one of bank, cash, mobilepay"),),
    ),
    (
        "30",
        {},
        {"holiday_pay_kr": "1.250,51"},
        (Fault("amount_kr", "parts-exceed-amount", "parts of the amount"),),
    ),
    (
        "31",
        {},
        {"employment_ref": "E-98"},
        (Fault("employment_ref", "employment-unknown", "register it first"),),
    ),
    (
        "32",
        {},
        {"card_no": "00012"},
        (Fault("card_no", "employment-card-mismatch", "give that card's number"),),
    ),
    (
        "33",
        {},
        {"cvr": OTHER_CVR},
        (Fault("cvr", "employment-cvr-mismatch", "an employment of its own"),),
    ),
    (
        "34",
        {},
        {"card_no": "00098"},
        (Fault("card_no", "card-unknown", "try again in a moment"),),
    ),
)
"""Of each: the end of its reference, its good row's own values, the flaw, what is said of it."""


def wages(prefix: str, card_no: str) -> Sheet:
    """Write a file of wages of one card, under references that begin with a prefix."""
    first = f"{prefix}-21"
    return Sheet(
        "wages",
        (
            Line(wage(first, card_no, amount_kr="1221,5")),
            # The same again, written otherwise: known before, and no fault.
            Line(wage(first, card_no, amount_kr="1.221,50")),
            *(
                Line(wage(f"{prefix}-{number}", card_no, **own), flaw, faults)
                for number, own, flaw, faults in FAULTY_WAGES
            ),
            Line(
                wage(f"{prefix}-35", card_no),
                {"wage_ref": first, "amount_kr": "1.221,51"},
                (Fault("amount_kr", "idempotency-mismatch", "line 2 has the same key"),),
            ),
            Line(
                wage(f"{prefix}-36", "00012"),
                {"wage_ref": "W-00012", "amount_kr": "1.250,51"},
                (Fault("amount_kr", "idempotency-mismatch", "another amount_kr"),),
            ),
        ),
        separator=",",
    )


WAGE_REVERSALS = Sheet(
    "wage-reversals",
    (
        Line(reversal("W-01")),
        Line(
            reversal("W-02"),
            {"wage_ref": "W-98"},
            (Fault("wage_ref", "wage-unknown", "register it first, or correct"),),
        ),
        Line(
            reversal("W-03"),
            {"wage_ref": "W-00015", "reason": "En anden grund"},
            (Fault("reason", "idempotency-mismatch", "another reason"),),
        ),
        Line(
            reversal("W-04"),
            {"wage_ref": "W-00014"},
            (Fault("wage_ref", "already-reversed", "under a new reference"),),
        ),
        Line(
            reversal("W-05"),
            {"reason": "", "reversed_on": "i går"},
            (
                Fault("reason", "value-missing", "is needed on every row"),
                Fault("reversed_on", "date-format", "YYYY-MM-DD or DD-MM-YYYY"),
            ),
        ),
    ),
)

CONTACTS = Sheet(
    "contacts",
    (
        Line(contact("00011", "69000011")),
        Line(
            contact("00012", "69000012"),
            {"phone": "6900"},
            (Fault("phone", "phone-invalid", "eight digits"),),
        ),
        Line(
            contact("00013", "69000013"),
            {"card_no": "0013"},
            (Fault("card_no", "card-no-format", "five digits"),),
        ),
    ),
    separator=",",
)

EVERY_KIND = (GRANTS, GRANT_CHANGES, EMPLOYMENTS, wages("W", "00011"), WAGE_REVERSALS, CONTACTS)
"""Each rests on what is registered, and on no other of them."""

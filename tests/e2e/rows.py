"""Good rows of every kind, and the few facts that are registered of them.

They are of a municipality and of cards (below 00100) that the demo's history does not use.
"""

from tests.e2e.sheets import Line, Row, Sheet

MUNICIPALITY = "461"
CVR, OTHER_CVR = "13748136", "44000008"
UNPAID = "00016"
HOLDERS = ("00011", "00012", "00013", "00014", "00015", UNPAID)
"""Cards that are granted before any bad file comes; 00015 is deactivated, its wage reversed."""


def grant(card_no: str, **given: str) -> Row:
    """Write a grant; its citizen is made up from the card's number."""
    return {
        "cpr": f"710110{card_no[1:]}",
        "card_no": card_no,
        "municipality_code": MUNICIPALITY,
        "valid_from": "02-01-2023",
        "decided_on": "2023-01-02",
        "benefit": "kontanthjaelp",
        "age_group": "30-plus",
        "registered_at": "2023-01-02",
        **given,
    }


def change(card_no: str, kind: str, **given: str) -> Row:
    """Write a change of a grant."""
    return {
        "card_no": card_no,
        "change": kind,
        "effective_on": "2023-03-01",
        "decided_on": "2023-02-15",
        "municipality_code": "",
        "registered_at": "2023-02-15",
        **given,
    }


def employment(ref: str, card_no: str, **given: str) -> Row:
    """Write an employment."""
    return {
        "employment_ref": ref,
        "card_no": card_no,
        "cvr": CVR,
        "employer": "Ærø Rengøring ApS",
        "sector": "rengøring",
        "starts_on": "2023-01-03",
        "ends_on": "",
        "registered_at": "2023-01-03",
        "unsubsidised_attested": "true",
        **given,
    }


def wage(ref: str, card_no: str = "00011", **given: str) -> Row:
    """Write a wage of a card's employment, of an amount of its own."""
    return {
        "wage_ref": ref,
        "employment_ref": f"E-{card_no}",
        "card_no": card_no,
        "cvr": CVR,
        "paid_on": "2023-02-24",
        "amount_kr": f"1.2{ref[-2:]},50",
        "holiday_pay_kr": "",
        "payment_method": "bank",
        "voucher_ref": "",
        "registered_at": "2023-02-25T09:00:00+01:00",
        **given,
    }


def reversal(ref: str, **given: str) -> Row:
    """Write a reversal."""
    return {
        "wage_ref": ref,
        "reason": "Lønnen blev ikke udbetalt",
        "reversed_on": "2023-03-01",
        "registered_at": "2023-03-01",
        **given,
    }


def contact(card_no: str, phone: str, **given: str) -> Row:
    """Write a phone number, of a series that is given to nobody and not used by the demo."""
    return {"card_no": card_no, "phone": phone, "registered_at": "2023-01-04", **given}


def _good(kind: str, *rows: Row) -> Sheet:
    return Sheet(kind, tuple(Line(row) for row in rows))


_PAID = {f"W-{card_no}": card_no for card_no in HOLDERS if card_no != UNPAID} | {
    f"W-{number:02d}": "00014" for number in range(1, 6)
}
REGISTERED = (
    (_good("grants", *(grant(card_no) for card_no in HOLDERS)),),
    (
        _good("grant-changes", change("00015", "deactivated")),
        _good("employments", *(employment(f"E-{card_no}", card_no) for card_no in HOLDERS)),
    ),
    (_good("wages", *(wage(ref, card_no) for ref, card_no in _PAID.items())),),
    (_good("wage-reversals", reversal("W-00015")),),
)
"""What is registered before any bad file comes: files that go in together, in order."""

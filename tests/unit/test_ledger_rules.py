"""Rules that a whole story shows better than one decision: amounts, and pay that comes late."""

from tests.unit.ledger_cases import CAP_ORE, Story, caps, decisions, post, sent


def test_r24_every_oere_is_kept_and_none_is_rounded() -> None:
    story = Story()
    third = CAP_ORE // 3
    wages = [story.wage(str(place), "2023-03-31", third) for place in range(3)]
    wages += [story.wage("the rest", "2023-04-30", 1), story.wage("one more", "2023-04-30", 2)]

    done = post([story.issued(), *wages], caps(2023))

    assert CAP_ORE - 3 * third == 2
    assert decisions(done.entries) == [
        ("wage-paid", third, 0, "within-cap"),
        ("wage-paid", third, 0, "within-cap"),
        ("wage-paid", third, 0, "within-cap"),
        ("wage-paid", 1, 0, "within-cap"),
        ("wage-paid", 1, 1, "over-cap"),
    ]


def test_r26_holiday_pay_paid_next_year_is_next_years() -> None:
    story = Story()
    last_wage = story.wage("december", "2023-12-29", CAP_ORE)
    holiday_pay = story.wage("holiday pay at leaving", "2024-01-31", 2_500_00)

    done = post([story.issued(), last_wage, holiday_pay], caps(2023, 2024))

    assert decisions(done.entries) == [
        ("wage-paid", CAP_ORE, 0, "within-cap"),
        ("wage-paid", 2_500_00, 0, "within-cap"),
    ]
    assert sent(done.entries[-1]) == ["allowance-opened", "wage-apportioned"]
    assert done.entries[-1].apportionment is not None
    assert done.entries[-1].apportionment.year == 2024

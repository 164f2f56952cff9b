"""The life of a text: given what happened, when this is asked, then that is recorded."""

import itertools
import re

import pytest

from services.notifications import templates
from services.notifications.domain import (
    Citizen,
    Command,
    DeliveryStatus,
    Event,
    NotificationDelivered,
    NotificationFailed,
    NotificationRequested,
    NotificationSubmitted,
    NotificationSuppressed,
    RecordFailure,
    RecordReport,
    RecordSubmission,
    RequestText,
    SuppressText,
    decide,
    evolve,
)
from services.notifications.gatewayapi import STATUSES
from services.notifications.phones import PhoneInvalid, parse_phone

ID, CAUSE, TEMPLATE, GATEWAY = "n-1", "c-1", "card-issued", "gatewayapi"

REQUEST = RequestText(
    notification_id=ID,
    template=TEMPLATE,
    template_version=1,
    cause_id=CAUSE,
    card_no="10001",
    stale=False,
)
SUBMISSION = RecordSubmission(notification_id=ID, gateway=GATEWAY, parts=1)
IN_DOUBT = RecordFailure(notification_id=ID, gateway=GATEWAY, reason="outcome-unknown")
REFUSAL = RecordFailure(notification_id=ID, gateway=GATEWAY, reason="gateway-refused")
NO_CONTACT = SuppressText(notification_id=ID, reason="no-contact")

REQUESTED = NotificationRequested(
    notification_id=ID, template=TEMPLATE, cause_id=CAUSE, template_version=1, card_no="10001"
)
SUBMITTED = NotificationSubmitted(
    notification_id=ID, template=TEMPLATE, cause_id=CAUSE, gateway=GATEWAY, parts=1
)
DELIVERED = NotificationDelivered(
    notification_id=ID, template=TEMPLATE, cause_id=CAUSE, gateway=GATEWAY
)


def report(status: DeliveryStatus) -> RecordReport:
    return RecordReport(notification_id=ID, gateway=GATEWAY, status=status)


def failed(reason: str) -> NotificationFailed:
    return NotificationFailed(
        notification_id=ID, template=TEMPLATE, cause_id=CAUSE, gateway=GATEWAY, reason=reason
    )


def suppressed(reason: str) -> NotificationSuppressed:
    return NotificationSuppressed(
        notification_id=ID, template=TEMPLATE, cause_id=CAUSE, reason=reason
    )


def given(*events: Event) -> Citizen:
    citizen = Citizen()
    for event in events:
        citizen = evolve(citizen, event)
    return citizen


def history(*commands: Command) -> list[Event]:
    """Carry commands out one after the other."""
    events: list[Event] = []
    for command in commands:
        events += decide(command, given(*events))
    return events


def test_a_fact_is_requested_once_however_often_it_comes() -> None:
    assert history(REQUEST, REQUEST) == [REQUESTED]


def test_a_stale_fact_is_requested_and_suppressed_at_once() -> None:
    stale = RequestText(
        notification_id=ID,
        template=TEMPLATE,
        template_version=1,
        cause_id=CAUSE,
        card_no="10001",
        stale=True,
    )

    assert history(stale, stale) == [REQUESTED, suppressed("stale")]


def test_a_text_is_submitted_and_delivered() -> None:
    events = history(
        REQUEST, SUBMISSION, report(DeliveryStatus.SENT), report(DeliveryStatus.DELIVERED)
    )

    assert events == [REQUESTED, SUBMITTED, DELIVERED]


def test_a_report_before_the_answer_says_that_the_gateway_has_the_text() -> None:
    assert history(REQUEST, report(DeliveryStatus.SENT), SUBMISSION) == [REQUESTED, SUBMITTED]
    assert history(REQUEST, report(DeliveryStatus.DELIVERED), SUBMISSION, IN_DOUBT) == [
        REQUESTED,
        SUBMITTED,
        DELIVERED,
    ]


@pytest.mark.parametrize("status", list(DeliveryStatus))
def test_nothing_follows_a_final_report(status: DeliveryStatus) -> None:
    settled = given(REQUESTED, SUBMITTED, DELIVERED)

    assert decide(report(status), settled) == []


@pytest.mark.parametrize(
    "status", [DeliveryStatus.QUEUED, DeliveryStatus.SENT, DeliveryStatus.UNKNOWN]
)
def test_a_transient_report_settles_nothing(status: DeliveryStatus) -> None:
    assert not status.is_final
    assert decide(report(status), given(REQUESTED, SUBMITTED)) == []


@pytest.mark.parametrize(
    "status",
    [
        DeliveryStatus.ACCEPTED_UNCONFIRMED,
        DeliveryStatus.EXPIRED,
        DeliveryStatus.FAILED,
        DeliveryStatus.CANCELLED,
    ],
)
def test_a_final_report_that_is_no_delivery_is_a_failure_with_its_reason(
    status: DeliveryStatus,
) -> None:
    assert decide(report(status), given(REQUESTED, SUBMITTED)) == [failed(status.value)]


def test_a_text_in_doubt_may_still_be_told_by_a_report_but_not_be_requested() -> None:
    in_doubt = given(REQUESTED, failed("outcome-unknown"))

    assert decide(REQUEST, in_doubt) == []
    assert decide(IN_DOUBT, in_doubt) == []
    assert decide(NO_CONTACT, in_doubt) == []
    assert decide(report(DeliveryStatus.DELIVERED), in_doubt) == [SUBMITTED, DELIVERED]
    assert decide(report(DeliveryStatus.SENT), in_doubt) == [SUBMITTED]


@pytest.mark.parametrize("failure", [REFUSAL, IN_DOUBT], ids=["refused", "in doubt"])
def test_a_text_that_no_gateway_took_has_failed_for_its_reason(failure: RecordFailure) -> None:
    assert history(REQUEST, failure) == [REQUESTED, failed(failure.reason)]


def test_a_refused_text_stays_refused() -> None:
    refused = given(REQUESTED, failed("gateway-refused"))

    assert decide(SUBMISSION, refused) == []
    assert decide(report(DeliveryStatus.DELIVERED), refused) == []


def test_only_a_text_that_no_gateway_has_is_given_up() -> None:
    assert history(REQUEST, NO_CONTACT, SUBMISSION, REFUSAL) == [
        REQUESTED,
        suppressed("no-contact"),
    ]
    assert history(REQUEST, SUBMISSION, NO_CONTACT, REFUSAL) == [REQUESTED, SUBMITTED]


def test_nothing_is_known_of_a_text_nobody_requested() -> None:
    for command in (SUBMISSION, IN_DOUBT, NO_CONTACT, report(DeliveryStatus.DELIVERED)):
        assert decide(command, Citizen()) == []


def test_whatever_the_order_a_text_is_requested_and_submitted_once_at_most() -> None:
    commands: list[Command] = [
        REQUEST,
        SUBMISSION,
        IN_DOUBT,
        REFUSAL,
        NO_CONTACT,
        report(DeliveryStatus.SENT),
        report(DeliveryStatus.DELIVERED),
    ]

    for order in itertools.permutations(commands):
        events = history(REQUEST, *order)
        assert events.count(REQUESTED) == 1
        assert events.count(SUBMITTED) <= 1
        assert events.count(DELIVERED) <= 1


def test_every_status_of_the_gateway_has_its_canonical_one() -> None:
    finals = {name for name, status in STATUSES.items() if status.is_final}

    assert finals == {
        "DELIVERED",
        "ACCEPTED",
        "EXPIRED",
        "UNDELIVERABLE",
        "REJECTED",
        "SKIPPED",
        "DELETED",
    }


WORDINGS = [
    pytest.param(text, id=f"{code}-{version}-{language}")
    for code, versions in templates.TEMPLATES.items()
    for version, wording in enumerate(versions, start=1)
    for language, text in (("da", wording.da), ("en", wording.en))
]


@pytest.mark.parametrize("text", WORDINGS)
def test_every_text_fits_one_part_of_the_gsm_alphabet(text: str) -> None:
    assert 0 < templates.septets(text) <= templates.SEPTETS_MAX


@pytest.mark.parametrize("text", WORDINGS)
def test_r42_no_text_states_a_balance_or_gives_anything_away(text: str) -> None:
    assert not re.search(r"\d", text)
    telling = r"frikort|free card|social|kommun|municipal|løn|wage|kr\b|øre|saldo|cpr|ydelse|skat"
    assert not re.search(telling, text, re.IGNORECASE)


def test_letters_of_danish_cost_one_septet_and_brackets_two() -> None:
    assert templates.septets("æøåÆØÅ") == 6
    assert templates.septets("[€]") == 6
    with pytest.raises(templates.UnsendableTextError, match="not in the GSM alphabet"):
        templates.septets("“smart”")


def test_a_wording_that_needs_two_parts_is_refused() -> None:
    with pytest.raises(templates.UnsendableTextError, match="161 septets"):
        templates.Wording(da="x" * 161, en="x")


def test_words_are_danish_where_the_language_is_not_known() -> None:
    assert templates.render("card-issued", 1, "so").startswith("Hej.")
    assert templates.render("card-issued", 1, "en-GB").startswith("Hello.")


@pytest.mark.parametrize(
    ("text", "msisdn"),
    [
        ("68001234", "4568001234"),
        ("68 00 12 34", "4568001234"),
        ("+45 68001234", "4568001234"),
        ("0045 6800 1234", "4568001234"),
        ("+46 70 123 45 67", "46701234567"),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, msisdn: str) -> None:
    assert parse_phone(text, production=False) == msisdn


@pytest.mark.parametrize("text", ["", "12", "6800123", "680012345", "ring til mig", "68001234 x5"])
def test_what_no_text_can_reach_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(PhoneInvalid) as refused:
        parse_phone(text, production=False)

    assert refused.value.code == "phone-invalid"
    assert not text or text not in str(refused.value)


def test_production_takes_numbers_in_use_alone() -> None:
    assert parse_phone("20123456", production=True) == "4520123456"
    assert parse_phone("10001234", production=False) == "4510001234"
    with pytest.raises(PhoneInvalid):
        parse_phone("10001234", production=True)

"""What every state of a citizen's grants says to every command: the event, or the code."""

import itertools

import pytest

from services.grants import domain
from tests.unit.grants_cases import (
    APPLICATION,
    CLOSED,
    DEACTIVATED,
    ISSUED,
    OTHER_CARD,
    REACTIVATED,
    after,
    dates,
    day,
    grant,
    outcome,
    received,
    refused,
)

HISTORIES: dict[str, tuple[domain.Event, ...]] = {
    "no card": (received(),),
    "active": (received(), ISSUED),
    "inactive": (received(), ISSUED, DEACTIVATED),
    "reactivated": (received(), ISSUED, DEACTIVATED, REACTIVATED),
    "inactive, another live": (
        received(),
        ISSUED,
        DEACTIVATED,
        domain.GrantIssued(**grant(OTHER_CARD, "2023-03-15")),
    ),
    "closed": (received(), ISSUED, CLOSED),
    "refused": (received(), refused()),
    "refused, then active": (received(), refused(), ISSUED),
}
"""What a citizen's history left: the states there are, each by the shortest way to it."""
COMMANDS: dict[str, domain.Command] = {
    "issue": domain.IssueGrant(**grant(OTHER_CARD, "2023-06-01")),
    "review": domain.ReviewGrant(**dates("2023-06-01")),
    "deactivate": domain.DeactivateGrant(**dates("2023-06-01")),
    "reactivate": domain.ReactivateGrant(**dates("2023-06-01")),
    "transfer": domain.TransferGrant(**dates("2023-06-01"), municipality_code="730"),
    "close": domain.CloseGrant(**dates("2023-06-01"), cause="death"),
    "dispense": domain.GrantDispensation(**dates("2023-06-01")),
    "uphold": domain.DecideAppeal(**dates("2023-06-01"), outcome="upheld"),
    "overturn deactivation": domain.DecideAppeal(
        **dates("2023-03-01", "2023-06-01"), outcome="overturned", overturns="grant-deactivated"
    ),
    "overturn refusal": domain.DecideAppeal(
        **dates("2022-12-01", "2023-06-01"), outcome="overturned", overturns="application-refused"
    ),
    "receive": domain.ReceiveApplication(
        application_id="new",
        municipality_code="751",
        received_on=day("2023-06-01"),
        learned_on=day("2023-06-01"),
    ),
    "refuse": domain.RefuseApplication(
        application_id=APPLICATION, reason="other", decided_on=day("2023-06-01")
    ),
    "reidentify": domain.ReidentifyCitizen(),
}
NO_CARD = dict.fromkeys(COMMANDS, "card-unknown")
CLOSED_CARD = dict.fromkeys(COMMANDS, "grant-closed")
OF_A_CARD = {
    "review": "GrantReviewed",
    "transfer": "GrantTransferred",
    "close": "GrantClosed",
    "dispense": "DispensationGranted",
    "uphold": "AppealDecided",
}
OF_A_CITIZEN = {
    "receive": "ApplicationReceived",
    "refuse": "application-granted",
    "reidentify": "CitizenReidentified",
}
OUTCOMES: dict[str, dict[str, str]] = {
    "no card": NO_CARD | OF_A_CITIZEN | {"issue": "GrantIssued", "refuse": "ApplicationRefused"},
    "active": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "grant-exists",
        "deactivate": "GrantDeactivated",
        "reactivate": "grant-active",
        "overturn deactivation": "nothing-to-overturn",
        "overturn refusal": "nothing-to-overturn",
    },
    "inactive": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "GrantIssued",
        "deactivate": "grant-inactive",
        "reactivate": "GrantReactivated",
        "overturn deactivation": "AppealDecided",
        "overturn refusal": "nothing-to-overturn",
    },
    "reactivated": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "grant-exists",
        "deactivate": "GrantDeactivated",
        "reactivate": "grant-active",
        "overturn deactivation": "AppealDecided",
        "overturn refusal": "nothing-to-overturn",
    },
    "inactive, another live": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "card-number-taken",
        "deactivate": "grant-inactive",
        "reactivate": "grant-exists",
        "overturn deactivation": "grant-exists",
        "overturn refusal": "nothing-to-overturn",
    },
    "closed": CLOSED_CARD | OF_A_CITIZEN | {"issue": "GrantIssued"},
    "refused": NO_CARD
    | OF_A_CITIZEN
    | {"issue": "GrantIssued", "refuse": "application-already-refused"},
    "refused, then active": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "grant-exists",
        "deactivate": "GrantDeactivated",
        "reactivate": "grant-active",
        "overturn deactivation": "nothing-to-overturn",
        "overturn refusal": "AppealDecided",
        "refuse": "application-already-refused",
    },
}
"""The event, or the code of the refusal, for every pair of a state and a command."""


@pytest.mark.parametrize(("state", "command"), list(itertools.product(HISTORIES, COMMANDS)))
def test_every_state_answers_every_command(state: str, command: str) -> None:
    assert outcome(COMMANDS[command], after(*HISTORIES[state])) == OUTCOMES[state][command]


def test_the_table_has_a_row_for_every_command_and_every_shape_of_a_card() -> None:
    shapes = {type(card) for events in HISTORIES.values() for card in after(*events).cards.values()}

    assert {type(command) for command in COMMANDS.values()} == set(domain.Command.__args__)
    assert shapes == set(domain.Card.__args__)

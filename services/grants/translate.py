"""Between the stored events and the published language. Nothing else."""

from frikort_contracts.grants import EVENTS
from frikort_contracts.topics import GRANTS
from services.chassis.codec import Codec
from services.chassis.publishing import Publisher
from services.grants.domain import (
    AppealDecided,
    ApplicationReceived,
    ApplicationRefused,
    CardEvent,
    CitizenReidentified,
    DispensationGranted,
    Event,
    GrantClosed,
    GrantDeactivated,
    GrantIssued,
    GrantReactivated,
    GrantReviewed,
    GrantTransferred,
)

CODEC: Codec[Event] = Codec(
    [
        GrantIssued,
        GrantReviewed,
        GrantDeactivated,
        GrantReactivated,
        GrantTransferred,
        GrantClosed,
        DispensationGranted,
        AppealDecided,
        CitizenReidentified,
        ApplicationReceived,
        ApplicationRefused,
    ]
)
PUBLISHER = Publisher(CODEC, EVENTS, topic=GRANTS, source="/frikort/grants")


def is_about(event: Event, card_no: str) -> bool:
    """Tell whether an event is about a card."""
    return isinstance(event, CardEvent) and event.card_no == card_no

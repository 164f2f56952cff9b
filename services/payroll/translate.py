"""Between the stored events and the published language. Nothing else."""

from frikort_contracts.payroll import EVENTS
from frikort_contracts.topics import PAYROLL
from services.chassis.codec import Codec
from services.chassis.publishing import Publisher
from services.payroll.domain import (
    EmploymentEnded,
    EmploymentRegistered,
    Event,
    ExternalRegistrationConfirmed,
    WageMisreported,
    WagePaid,
    WageReversed,
)

CODEC: Codec[Event] = Codec(
    [
        EmploymentRegistered,
        EmploymentEnded,
        WagePaid,
        WageReversed,
        WageMisreported,
        ExternalRegistrationConfirmed,
    ]
)
PUBLISHER = Publisher(CODEC, EVENTS, topic=PAYROLL, source="/frikort/payroll")

"""Why a decision is refused: one class per fact, its `code` stable."""

from services.chassis.errors import Rejection, StateRejection


class GrantExists(StateRejection):
    """The citizen holds a live card; a second one is refused."""

    code = "grant-exists"
    field = "cpr"


class CardNumberTaken(StateRejection):
    """The number was given to a card before; numbers are never reused."""

    code = "card-number-taken"
    field = "card_no"


class CardUnknown(StateRejection):
    """No card of that number was granted here."""

    code = "card-unknown"
    field = "card_no"


class CardClosed(StateRejection):
    """The card has ended for good and takes no further change (R34)."""

    code = "grant-closed"
    field = "card_no"


class GrantInactive(StateRejection):
    """The card is deactivated already."""

    code = "grant-inactive"
    field = "change"


class GrantActive(StateRejection):
    """The card is active already."""

    code = "grant-active"
    field = "change"


class EffectiveBeforeEarlier(StateRejection):
    """The change would take effect before one that is already decided."""

    code = "effective-before-earlier-change"
    field = "effective_on"


class NothingToOverturn(StateRejection):
    """There is no decision of that kind to overturn with effect from that date (R14)."""

    code = "nothing-to-overturn"
    field = "overturns"


class AlreadyResponsible(StateRejection):
    """The card is with that municipality already."""

    code = "municipality-unchanged"
    field = "municipality_code"


class ApplicationUnknown(StateRejection):
    """No application of that reference was received here."""

    code = "application-unknown"
    field = "application_ref"


class ApplicationRefTaken(StateRejection):
    """The reference was used for an application before."""

    code = "application-ref-taken"
    field = "application_ref"


class ApplicationRefusedAlready(StateRejection):
    """The application was refused before."""

    code = "application-already-refused"
    field = "application_ref"


class ApplicationGranted(StateRejection):
    """The application was answered with a card."""

    code = "application-granted"
    field = "application_ref"


class ApplicationReceivedInFuture(Rejection):
    """Nobody can have learned of an application before it came."""

    kept = False  # tomorrow it may be right
    code = "received-in-future"
    field = "received_on"


class DecidedBeforeReceived(StateRejection):
    """An application is decided on once it has come."""

    code = "decided-before-received"
    field = "decided_on"


class CitizenUnknown(StateRejection):
    """Nobody with that CPR number is known here."""

    code = "citizen-unknown"
    field = "old_cpr"


class CprTaken(StateRejection):
    """The CPR number belongs to another citizen."""

    code = "cpr-taken"
    field = "new_cpr"


class CprUnchanged(StateRejection):
    """The CPR number is the citizen's already."""

    code = "cpr-unchanged"
    field = "new_cpr"

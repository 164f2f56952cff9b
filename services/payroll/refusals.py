"""Why payroll refuses: one class per fact, with its stable code. Pure."""

from services.chassis.errors import Rejection, StateRejection


class CardUnknown(StateRejection):
    """No grant of that card has been read here; it may be on its way."""

    code = "card-unknown"
    field = "card_no"
    retry = True


class EmploymentUnknown(StateRejection):
    """No employment of that reference is registered."""

    code = "employment-unknown"
    field = "employment_ref"


class EmploymentRefTaken(StateRejection):
    """The reference was used for an employment before."""

    code = "employment-ref-taken"
    field = "employment_ref"


class EmploymentCardMismatch(StateRejection):
    """The wage names another card than its employment."""

    code = "employment-card-mismatch"
    field = "card_no"


class EmploymentCvrMismatch(StateRejection):
    """The wage names another employer than its employment."""

    code = "employment-cvr-mismatch"
    field = "cvr"


class EndsBeforeStart(StateRejection):
    """An employment lasts at least its first day."""

    code = "ends-before-start"
    field = "ends_on"


class EndUnchanged(StateRejection):
    """The employment ends on that day already."""

    code = "employment-end-unchanged"
    field = "ends_on"


class WageUnknown(StateRejection):
    """No wage of that reference is registered."""

    code = "wage-unknown"
    field = "wage_ref"


class WageRefTaken(StateRejection):
    """The reference was used for a wage before; a reversed wage's is spent."""

    code = "wage-ref-taken"
    field = "wage_ref"


class AlreadyReversed(StateRejection):
    """The wage was reversed before."""

    code = "already-reversed"
    field = "wage_ref"


class WageInFuture(Rejection):
    """A wage is registered once it is paid (R37)."""

    kept = False  # tomorrow it may be right
    code = "wage-in-future"
    field = "paid_on"


class RegisteredBeforePaid(Rejection):
    """The source system cannot have learned of a wage before it was paid."""

    code = "registered-before-paid"
    field = "paid_on"


class AlreadyMisreported(StateRejection):
    """The wage was noted as sent to eIndkomst before (R29)."""

    code = "already-misreported"
    field = "wage_ref"


class FoundInFuture(Rejection):
    """A mistake is noted once it is found."""

    kept = False  # tomorrow it may be right
    code = "found-in-future"
    field = "found_on"


class ConfirmedInFuture(Rejection):
    """A registration is noted once it is there."""

    kept = False  # tomorrow it may be right
    code = "confirmed-in-future"
    field = "confirmed_on"

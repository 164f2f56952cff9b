"""How the fields of a form are read: one left empty is one left out."""

import datetime as dt
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from frikort_contracts.types import CardNo


def _nothing_if_empty(value: Any) -> Any:
    return None if value == "" else value


EMPTY_IS_NOTHING: Final = BeforeValidator(_nothing_if_empty)
Day = Annotated[dt.date | None, EMPTY_IS_NOTHING]
AnyCard = Annotated[CardNo | None, EMPTY_IS_NOTHING]

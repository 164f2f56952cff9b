"""The caps of the years up to 2025, as the law has them (DOMAIN 1.2). Data, nothing else.

Where no source says when a regulated amount was announced, it counts as known from the day it
came into force. The cap of 2026 is not among them: nobody has verified it.
"""

from typing import Final, NamedTuple

from frikort_contracts.requests import SetCapRequest


class CapByLaw(NamedTuple):
    """A cap and the ordinary income beyond which no card is granted, both in kroner."""

    year: int
    amount_kr: int
    income_limit_kr: int
    in_force_from: str
    known_at: str
    basis: str

    def request(self) -> SetCapRequest:
        """Give the command that sets it."""
        return SetCapRequest.model_validate(
            {
                "amount_ore": self.amount_kr * 100,
                "income_limit_ore": self.income_limit_kr * 100,
                "in_force_from": self.in_force_from,
                "legal_basis": self.basis,
                "known_at": self.known_at,
            }
        )


TRIAL: Final = "LOV 689 af 08/06/2018"
EXTENDED: Final = "LOV 2217 af 29/12/2020"
HALF_YEAR: Final = "LOV 1596 af 28/12/2022"
RAISED: Final = "L 119 (2022-23), vedtaget 01/06/2023"
PERMANENT: Final = "LOV 616 af 11/06/2024"

CAPS_BY_LAW: Final = (
    CapByLaw(2019, 20_000, 10_000, "2019-01-01", "2018-06-08", TRIAL),
    CapByLaw(2020, 20_000, 10_000, "2020-01-01", "2018-06-08", TRIAL),
    CapByLaw(2021, 20_000, 10_000, "2021-01-01", "2020-12-29", EXTENDED),
    CapByLaw(2022, 20_000, 10_000, "2022-01-01", "2020-12-29", EXTENDED),
    CapByLaw(2023, 20_000, 10_000, "2023-01-01", "2022-12-28", HALF_YEAR),
    CapByLaw(2023, 40_000, 10_000, "2023-07-01", "2023-06-01", RAISED),
    CapByLaw(2024, 41_280, 10_320, "2024-01-01", "2024-01-01", RAISED),
    CapByLaw(2025, 42_766, 10_692, "2025-01-01", "2025-01-01", PERMANENT),
)
"""In the order in which they became known."""

"""What the municipality of Aarhus published on 1 June 2023 about its free cards.

Data for printing side by side with what the events give, and for tests. Nothing that
derives a figure may import this module.
"""

from dataclasses import dataclass

MUNICIPALITY_CODE = "751"
CONSULTANT = "k-07"
"""The consultant's identifier in the demo's history; the published figures name nobody."""

SECTORS = (
    "cleaning",
    "car repair",
    "shop",
    "supermarket",
    "carpentry",
    "folk high school",
    "sports institution",
    "gardening",
    "bar",
    "flyer delivery",
    "wholesale meat",
    "warehouse",
    "distribution",
    "car wash",
    "laundry",
    "demolition",
    "driving",
)
"""The trades of the private firms: the keys of `by_sector` of the consultant's employments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFigure:
    """One published figure, and where `frikort status` shows its counterpart.

    `arguments` are those of `frikort status`, `field` the path into its JSON. `about` marks
    a figure published as a round number.
    """

    label: str
    arguments: tuple[str, ...]
    field: tuple[str, ...]
    value: int
    about: bool = False


_HERE = ("--municipality", MUNICIPALITY_CODE)
_MAY_2023 = (*_HERE, "--on", "2023-05-31")
_MARCH_2023 = (*_HERE, "--on", "2023-03-31")
_CONSULTANT = (*_MAY_2023, "--consultant", CONSULTANT, "--since", "2021-06-01")


def _consultant(label: str, value: int, *field: str) -> PublishedFigure:
    return PublishedFigure(label=label, arguments=_CONSULTANT, field=field, value=value)


def _review(label: str, value: int, *field: str) -> PublishedFigure:
    return PublishedFigure(
        label=label, arguments=_MARCH_2023, field=("reviews", *field), value=value
    )


PUBLISHED = (
    PublishedFigure(
        label="cards granted when the consultant began, 1 June 2021",
        arguments=(*_HERE, "--on", "2021-06-01"),
        field=("granted",),
        value=120,
        about=True,
    ),
    PublishedFigure(
        label="cards granted by 31 May 2023", arguments=_MAY_2023, field=("granted",), value=696
    ),
    PublishedFigure(
        label="cards in use in 2023", arguments=_MAY_2023, field=("in_use",), value=140
    ),
    PublishedFigure(
        label="cards exhausted in 2023", arguments=_MAY_2023, field=("exhausted",), value=16
    ),
    _consultant("employments by the consultant since 1 June 2021", 79, "employments"),
    _consultant("… on førtidspension", 39, "by_benefit", "foertidspension"),
    _consultant("… on kontanthjælp", 29, "by_benefit", "kontanthjaelp"),
    _consultant("… on ressourceforløbsydelse", 10, "by_benefit", "ressourceforloebsydelse"),
    _consultant("… without benefit", 1, "by_benefit", "none"),
    _review("reviewed to 31 March 2023, 30 and over", 343, "30-plus", "reviewed"),
    _review("… continued", 343, "30-plus", "continued"),
    _review("… deactivated", 0, "30-plus", "deactivated"),
    _review("reviewed to 31 March 2023, under 30", 210, "under-30", "reviewed"),
    _review("… continued", 137, "under-30", "continued"),
    _review("… deactivated", 73, "under-30", "deactivated"),
)
"""In the order in which they are printed."""

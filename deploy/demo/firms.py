"""The private firms that employ card holders. All of them are made up.

Their CVR numbers begin with 9900, where no firm has ever been registered, and carry a right
check digit (DOMAIN 6.2).
"""

import random
from dataclasses import dataclass

from deploy.demo.published import SECTORS

FIRMS_PER_SECTOR = 4
_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
_STEM = "9900"
_TEN = 10

_FIRST_WORDS = (
    "Tågebæk", "Blårøn", "Månegård", "Kragelykke", "Sølvtjørn", "Ærtehave", "Skyggelund",
    "Fjerhøj", "Nordåsen", "Ørevad", "Lærkesang", "Mosevang", "Stjernedal", "Tudseminde",
    "Vibeæng", "Hønsekær", "Gråspurv", "Åbrink", "Pilekrog", "Sneglehus",
)  # fmt: skip
_TRADES = {
    "cleaning": ("Rengøring", "Ren & Pæn"),
    "car repair": ("Autoværksted", "Bilservice"),
    "shop": ("Butik", "Gaver & Garn"),
    "supermarket": ("Dagligvarer", "Købmand"),
    "carpentry": ("Snedkeri", "Tømrerforretning"),
    "folk high school": ("Højskole", "Folkehøjskole"),
    "sports institution": ("Idrætscenter", "Svømmehal"),
    "gardening": ("Havepleje", "Planteskole"),
    "bar": ("Bodega", "Ølstue"),
    "flyer delivery": ("Reklameomdeling", "Bladbud"),
    "wholesale meat": ("Engroskød", "Kødgrossist"),
    "warehouse": ("Lager", "Lagerhotel"),
    "distribution": ("Distribution", "Pakkeriet"),
    "car wash": ("Bilvask", "Vaskehal"),
    "laundry": ("Vaskeri", "Linnedservice"),
    "demolition": ("Nedrivning", "Nedbrydning"),
    "driving": ("Kørsel", "Vognmandsforretning"),
}
_FORMS = ("ApS", "ApS", "A/S", "I/S", "")
_CONTACTS = (
    "Bodil, driftsleder", "Søren i lønnen", "Jørgen, mester", "Åse på kontoret", "butikschefen",
    "Inge-Lise, forstander", "Kåre, formand", "vagthavende", "",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """An employer and what it pays an hour."""

    cvr: str
    name: str
    sector: str
    contact: str
    hourly_ore: int


def found_firms(rng: random.Random) -> dict[str, list[Firm]]:
    """Make up the firms of every sector."""
    numbers = iter(_cvr_numbers())
    firms: dict[str, list[Firm]] = {}
    for sector in SECTORS:
        words = rng.sample(_FIRST_WORDS, FIRMS_PER_SECTOR)
        firms[sector] = [_firm(rng, sector, word, next(numbers)) for word in words]
    return firms


def _firm(rng: random.Random, sector: str, word: str, cvr: str) -> Firm:
    form = "" if sector == "folk high school" else rng.choice(_FORMS)
    return Firm(
        cvr=cvr,
        name=f"{word} {rng.choice(_TRADES[sector])} {form}".strip(),
        sector=sector,
        contact=rng.choice(_CONTACTS),
        hourly_ore=rng.randrange(125_00, 165_00, 2_50),
    )


def _cvr_numbers() -> list[str]:
    """List the made-up CVR numbers; a stem that would need check digit 10 has no number."""
    numbers = []
    for serial in range(1000):
        stem = f"{_STEM}{serial:03d}"
        check = -sum(int(digit) * weight for digit, weight in zip(stem, _WEIGHTS, strict=True)) % 11
        if check < _TEN:
            numbers.append(f"{stem}{check}")
    return numbers

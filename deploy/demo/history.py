"""A municipality's history from January 2019 to May 2023, written as files from a seed.

`python -m deploy.demo.history DIR [--seed N]` writes the six kinds of files into a folder.
The same seed gives the same bytes. The files are made up from beginning to end; they go into
the system through its public interfaces, and nothing but the files goes in.
"""

import argparse
import datetime as dt
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.demo.cards import grant_cards
from deploy.demo.cast import cast_uses
from deploy.demo.changes import decide_changes
from deploy.demo.contacts import register_contacts
from deploy.demo.corrections import correct
from deploy.demo.files import (
    NOTATIONS,
    Row,
    change_rows,
    contact_rows,
    employment_rows,
    grant_rows,
    reversal_rows,
    wage_rows,
    write_file,
)
from deploy.demo.firms import found_firms
from deploy.demo.jobs import employ
from deploy.demo.wages import Wage, pay_wages

SEED = 20230601
KINDS = tuple(NOTATIONS)
"""The kinds of files, in the order in which they are imported."""


def write_history(folder: Path, *, seed: int = SEED) -> dict[str, int]:
    """Write `KIND.csv` for every kind into a folder, which is made if need be.

    Returns the number of rows of each kind, in the order of import.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(random.Random(seed))  # noqa: S311  a history to be repeated, not a secret
    for kind in KINDS:
        write_file(folder, kind, rows[kind])
    return {kind: len(rows[kind]) for kind in KINDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the history and say how many rows each file has."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo.history", description=__doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the files are written")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default {SEED}")
    given = parser.parse_args(arguments)
    for kind, count in write_history(given.folder, seed=given.seed).items():
        sys.stdout.write(f"{kind:<15}{count:>6} rows\n")
    return 0


def _rows(rng: random.Random) -> dict[str, list[Row]]:
    """Let the history happen, and list what was registered, in that order."""
    cards = grant_cards(rng)
    changes, standings = decide_changes(rng, cards)
    employed = employ(rng, cast_uses(rng, standings), found_firms(rng))
    wages = pay_wages(rng, employed)
    added, reversals = correct(rng, employed, wages)
    wages = sorted([*wages, *added], key=_registration)
    refs = _wage_refs(wages)
    jobs = sorted((job for _, jobs in employed for job in jobs), key=lambda job: job.employment_ref)
    return {
        "grants": grant_rows(sorted(cards, key=lambda card: card.registered_at)),
        "grant-changes": change_rows(changes),
        "employments": employment_rows(jobs),
        "wages": wage_rows((refs[id(wage)], wage) for wage in wages),
        "wage-reversals": reversal_rows(
            (refs[id(reversal.wage)], reversal) for reversal in reversals
        ),
        "contacts": contact_rows(register_contacts(rng, cards)),
    }


def _registration(wage: Wage) -> tuple[dt.datetime, str]:
    return wage.registered_at, wage.job.employment_ref


def _wage_refs(wages: list[Wage]) -> dict[int, str]:
    """Number the wages as registered, by the identity of each: a double is another wage."""
    return {
        id(wage): f"L{wage.registered_at.year}-{number:05d}" for number, wage in enumerate(wages, 1)
    }


if __name__ == "__main__":
    sys.exit(main())

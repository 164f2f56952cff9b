"""One whole stack for all end-to-end tests: real servers, four services, the gateway simulator.

It is started as people start it, by `frikort up --detach`, in a home and on ports of its own.
"""

import os
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.stack import Stack
from tests.e2e import rows
from tests.e2e.command import TAKEN_OVER, Frikort

CAPS = (
    (2019, "2018-06-08", "LOV 689 af 08/06/2018"),
    (2020, "2018-06-08", "LOV 689 af 08/06/2018"),
    (2021, "2020-12-29", "LOV 2217 af 29/12/2020"),
    (2022, "2020-12-29", "LOV 2217 af 29/12/2020"),
    (2023, "2022-12-28", "LOV 1596 af 28/12/2022"),
)
"""What was in force until June 2023, and when it became known (DOMAIN.md 1.2)."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, up; stopped and erased at the end."""
    environment = {
        name: os.environ[name] for name in ("FRIKORT_CACHE", *TAKEN_OVER) if name in os.environ
    }
    whole = Stack.temporary(tmp_path_factory.mktemp("whole"), environment=environment)
    try:
        Frikort.of(whole)("up", "--detach").require()
        _set_caps(whole)
        yield whole
    finally:
        whole.erase()
    assert not whole.settings.home.exists()


@pytest.fixture(scope="session")
def frikort(stack: Stack) -> Frikort:
    """The command on the stack."""
    return Frikort.of(stack)


@pytest.fixture(scope="session")
def registered(stack: Stack, frikort: Frikort, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A few cards, employments and wages of a municipality that is not the demo's."""
    folder = tmp_path_factory.mktemp("registered")
    for sheets in rows.REGISTERED:
        importing = [
            frikort.start("import", sheet.kind, str(sheet.corrected(folder)), "--wait")
            for sheet in sheets
        ]
        for running in importing:
            running.said().require()
    # By hand, so that a file's row has a key of its own.
    httpx.post(
        f"{stack.service_url('payroll')}/v1/wages/W-00014/reversal",
        json={"reason": "Udbetalt ved en fejl", "reversed_on": "2023-03-01"},
        headers={"Idempotency-Key": "by-hand"},
        trust_env=False,
    ).raise_for_status()


def _set_caps(stack: Stack) -> None:
    """Set the caps of 2019 to 2023."""
    for year, known_at, basis in CAPS:
        cap = {
            "amount_ore": 20_000_00,
            "in_force_from": f"{year}-01-01",
            "known_at": known_at,
            "legal_basis": basis,
        }
        httpx.put(
            f"{stack.service_url('allowance')}/v1/caps/{year}",
            json=cap,
            headers={"Idempotency-Key": f"cap-{year}"},
            trust_env=False,
        ).raise_for_status()

"""A rebuild while wages come and balances are asked for: no failed read, no wrong answer."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

from tests.integration.allowance_cases import Wire, ledger_with_caps, until_applied
from tests.integration.rebuild_cases import (
    COVERED_ORE,
    WRONG_BALANCE,
    Worker,
    damage,
    rebuild,
    tell,
)
from tests.integration.rules_cases import assert_verified
from tests.integration.servers import Servers, ServiceProcess

pytestmark = pytest.mark.slow

WRONG_ORE: Final = 1
WAGE_ORE: Final = 1_00
WRITERS: Final = 24
REBUILDS: Final = 2


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    yield from ledger_with_caps(servers, [2022, 2023])


@contextmanager
def meanwhile(*jobs: Callable[[], None]) -> Iterator[None]:
    """Do jobs over and over beside the block; what one raises, the block's end raises."""
    over = threading.Event()
    raised: list[BaseException] = []

    def go_on(job: Callable[[], None]) -> None:
        while not over.is_set():
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
                raised.append(error)
                return

    threads = [threading.Thread(target=go_on, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if raised:
        raise raised[0]


def ask(client: httpx.Client, worker: Worker) -> dict[str, Any]:
    """Ask for a card's balance in the year of the wages."""
    path, year = f"/v1/cards/{worker.card_no}/allowance", {"year": 2023}
    found: dict[str, Any] = client.get(path, params=year).raise_for_status().json()
    return found


def test_a_rebuild_under_load_fails_no_read_and_gives_no_wrong_answer(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    settled = Worker("settled", "51000")
    busy = [Worker(f"busy {number}", f"{51001 + number}") for number in range(WRITERS)]
    tell(wire, allowance, settled)
    wire.send([worker.issued("2022-02-01") for worker in busy])
    wage, answers, asked = Counter[str](), Counter[int](), Counter[bool]()
    clients = [httpx.Client(base_url=allowance.client.base_url, timeout=60) for _ in range(2)]

    def pay() -> None:
        wage["paid"] += 1
        name = f"load {wage['paid']}"
        wire.send([w.wage(f"{name} {w.card_no}", "2023-03-01", WAGE_ORE) for w in busy])

    def ask_settled() -> None:
        answers[ask(clients[0], settled)["covered_ore"]] += 1

    def ask_busy() -> None:
        worker = busy[answers.total() % WRITERS]
        found = ask(clients[1], worker)
        asked[found["covered_ore"] == found["entries"] * WAGE_ORE] += 1
        clients[1].get("/v1/status").raise_for_status()

    said, compared = [], []
    with meanwhile(pay, ask_settled, ask_busy):
        for _ in range(REBUILDS):
            damage(servers, settled, WRONG_BALANCE)
            paid, answered = wage["paid"], answers.total()
            said.append(rebuild(servers))
            compared.append(rebuild(servers, "--dry-run"))
            assert (wage["paid"] > paid, answers.total() > answered) == (True, True)
    for client in clients:
        client.close()
    until_applied(allowance, busy)

    assert [one["differing"] for one in said] == [{"balances": 1}] * REBUILDS
    assert [one["differing"] for one in compared] == [{}] * REBUILDS
    assert answers.keys() <= {COVERED_ORE, WRONG_ORE}
    assert answers[COVERED_ORE]
    assert asked.keys() == {True}
    assert said[-1]["entries"] > said[0]["entries"]
    for worker in busy:
        found = ask(allowance.client, worker)
        assert (found["covered_ore"], found["entries"]) == (wage["paid"] * WAGE_ORE, wage["paid"])
    assert ask(allowance.client, settled)["covered_ore"] == COVERED_ORE
    assert rebuild(servers, "--dry-run")["differences_total"] == 0
    assert_verified(servers)

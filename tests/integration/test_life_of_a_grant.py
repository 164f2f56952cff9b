"""A card's whole life through grants, payroll and the ledger: what each wage comes to."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from frikort_contracts.imports import Position
from tests.integration import payroll_cases as cases
from tests.integration.servers import Servers, ServiceProcess

pytestmark = pytest.mark.slow

REFUSAL = {"reason": "in-education", "decided_on": "2022-12-01"}
EMPLOYERS = ("10150817", "25313763", "24256790", "22756214")
TRIES_MAX = 20
CAP: dict[str, Any] = {
    "amount_ore": 4_000_000,
    "in_force_from": "2023-01-01",
    "legal_basis": "L 119",
}


class Life:
    """One citizen's, in three services; every step is waited for where it is read."""

    def __init__(
        self, grants: ServiceProcess, payroll: ServiceProcess, ledger: ServiceProcess
    ) -> None:
        self.grants, self.payroll, self.ledger = grants, payroll, ledger
        self.card_no, self.cpr = cases.new_card()
        self.employed = cases.employment(self.card_no)

    def decide(self, path: str, body: dict[str, Any]) -> None:
        answer = self.grants.client.post(f"/v1/{path}", json=body).raise_for_status()
        self._await(Position.model_validate(answer.json()["position"]), self.payroll, self.ledger)

    def change(self, path: str, effective_on: str, decided_on: str, **more: str) -> None:
        body = {"effective_on": effective_on, "decided_on": decided_on, **more}
        self.decide(f"grants/{self.card_no}/{path}", body)

    def grant(self, **changed: str) -> None:
        self.decide("grants", cases.grant(self.card_no, self.cpr, **changed))
        self.register("employments", self.employed)

    def application(self, reference: str) -> dict[str, Any]:
        return {
            "application_ref": reference,
            "cpr": self.cpr,
            "municipality_code": cases.MUNICIPALITY,
            "received_on": "2022-11-01",
        }

    def pay(self, paid_on: str) -> None:
        at = f"{paid_on}T18:00:00+02:00"
        self.register("wages", cases.wage(self.employed, paid_on=paid_on, registered_at=at))

    def pay_at_once(self, wages: list[dict[str, Any]]) -> None:
        """Have the employers register these at the same time, each again until it is taken."""
        with ThreadPoolExecutor(len(wages)) as pool:
            positions = list(pool.map(self._pay_until_taken, wages))
        for position in positions:
            self._await(position, self.ledger)

    def _pay_until_taken(self, wage: dict[str, Any]) -> Position:
        for _ in range(TRIES_MAX):
            answer = self.payroll.client.post("/v1/wages", json=wage)
            if answer.is_success:
                return Position.model_validate(answer.json()["position"])
            assert answer.json()["code"] == "conflict", answer.text
        raise AssertionError(f"not taken in {TRIES_MAX} tries")

    def decisions(self) -> list[tuple[int, int, int]]:
        """Give amount, covered and excess of each wage of 2023, in the order of their entries."""
        answer = self.ledger.client.get(
            f"/v1/cards/{self.card_no}/explanation", params={"year": 2023}
        )
        entries = answer.raise_for_status().json()["entries"]
        return [(e["amount_ore"], e["covered_ore"], e["excess_ore"]) for e in entries]

    def covered_ore(self, **asked: str) -> int:
        answer = self.ledger.client.get(
            f"/v1/cards/{self.card_no}/allowance", params={"year": 2023, **asked}
        )
        covered: int = answer.raise_for_status().json()["covered_ore"]
        return covered

    def register(self, path: str, body: dict[str, Any]) -> None:
        answer = self.payroll.client.post(f"/v1/{path}", json=body).raise_for_status()
        self._await(Position.model_validate(answer.json()["position"]), self.ledger)

    def _await(self, position: Position, *readers: ServiceProcess) -> None:
        assert [r.progress(position)[0].state for r in readers] == ["applied"] * len(readers)


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def services(servers: Servers) -> Iterator[tuple[ServiceProcess, ...]]:
    with ExitStack() as stack:
        started = []
        for name in ("grants", "payroll", "allowance"):
            service = servers.service(name)
            stack.callback(service.close)
            started.append(service.start())
        cap = started[-1].client.put("/v1/caps/2023", json=CAP)
        assert cap.is_success, cap.text
        yield tuple(started)


@pytest.fixture
def life(services: tuple[ServiceProcess, ...]) -> Life:
    return Life(*services)


def test_r14_wage_in_an_overturned_deactivation_is_covered_once_registered_after(
    life: Life,
) -> None:
    life.grant()
    life.change("deactivation", "2023-03-01", "2023-02-20")
    life.pay("2023-03-31")
    inactive_ore = life.covered_ore()
    life.change(
        "appeal", "2023-03-01", "2023-06-12", outcome="overturned", overturns="grant-deactivated"
    )
    life.pay("2023-04-28")
    overturned_ore = life.covered_ore()

    assert (inactive_ore, overturned_ore) == (0, 150_000)


def test_r14_overturned_refusal_covers_from_its_date_before_the_card_was_granted(
    life: Life,
) -> None:
    reference = cases.new_reference("application")
    life.decide("applications", life.application(reference))
    life.decide(f"applications/{reference}/refusal", REFUSAL)
    life.grant(valid_from="2023-04-01")
    life.pay("2023-03-31")
    refused_ore = life.covered_ore()
    life.change(
        "appeal", "2023-02-01", "2023-06-12", outcome="overturned", overturns="application-refused"
    )
    life.pay("2023-01-31")
    life.pay("2023-02-28")
    life.pay("2023-04-28")

    assert (refused_ore, life.covered_ore()) == (0, 300_000)


def test_r19_of_employers_at_once_the_first_recorded_is_first_covered(life: Life) -> None:
    life.grant()
    jobs = [cases.employment(life.card_no, cvr=cvr) for cvr in EMPLOYERS]
    for job in jobs:
        life.register("employments", job)
    amounts = [1_500_000 + 7 * place for place in range(len(jobs))]

    life.pay_at_once(
        [cases.wage(job, amount_ore=amount) for job, amount in zip(jobs, amounts, strict=True)]
    )

    found = life.decisions()
    left = CAP["amount_ore"]
    expected = []
    for amount, _, _ in found:
        covered = min(amount, left)
        left -= covered
        expected.append((amount, covered, amount - covered))
    assert found == expected
    assert sorted(amount for amount, _, _ in found) == amounts
    assert left == 0


def test_r34_wage_after_a_death_is_not_covered_whatever_is_decided_next(life: Life) -> None:
    life.grant()
    life.pay("2023-03-31")
    life.decide(f"grants/{life.card_no}/closing", {"cause": "death", "effective_on": "2023-04-11"})
    life.pay("2023-04-10")
    life.pay("2023-04-11")

    assert life.covered_ore() == 300_000


def test_what_changes_no_coverage_passes_through_every_reader(life: Life) -> None:
    reference = cases.new_reference("application")
    life.decide("applications", life.application(reference))
    life.decide(f"applications/{reference}/refusal", REFUSAL)
    life.grant()
    life.change("dispensation", "2023-02-01", "2023-01-20")
    life.change("appeal", "2023-02-01", "2023-02-01", outcome="upheld")
    life.change(
        "appeal", "2022-12-01", "2023-02-01", outcome="overturned", overturns="application-refused"
    )
    new_cpr = cases.new_card()[1]
    life.decide("citizens/reidentification", {"old_cpr": life.cpr, "new_cpr": new_cpr})
    life.pay("2023-03-31")

    assert life.covered_ore() == 150_000

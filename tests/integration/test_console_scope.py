"""The consoles of real services: a municipality's reader is shown its own cards, and no other's."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from frikort_contracts.grants import GrantTransferred
from frikort_contracts.imports import Position
from frikort_contracts.topics import GRANTS
from services.chassis.inbox import Message
from tests.integration.allowance_cases import Wire, set_cap, until_applied
from tests.integration.notifications_cases import (
    OLD,
    Citizen,
    issue_card,
    put_fact,
)
from tests.integration.servers import Servers, ServiceProcess
from tests.unit.console_scope_cases import AUDITOR, MUNICIPALITY, USER, addresses
from tests.unit.ledger_cases import Story

pytestmark = pytest.mark.slow

UNKNOWN = "99999"
OURS = {USER: "caseworker", MUNICIPALITY: "751"}
THEIRS = {USER: "caseworker", MUNICIPALITY: "630"}
AUDITORS = ({USER: AUDITOR}, {USER: AUDITOR, MUNICIPALITY: "751"})
OWN, OTHERS, HANDED_OVER, LEAVING, FOLLOWED = "71001", "71002", "71003", "71004", "71005"
FOLLOWING, SECOND = "71006", "71007"
LEDGER = [address for address in addresses("{card_no}") if address.startswith("/console")]
TEXTS = [address for address in addresses("{card_no}") if address.startswith("/texts")]


class Moved(Story):
    """A story of a citizen whose card another municipality is handed, or who is granted another."""

    def transferred(self, effective_on: str) -> Message:
        """Hand the card over to 630."""
        return self._grant(
            "grant-transferred",
            effective_on=effective_on,
            decided_on="2023-02-01",
            from_municipality_code="751",
            to_municipality_code="630",
        )

    def granted_next(self, card_no: str) -> Message:
        """Let 630 grant the citizen another card."""
        self.card_no = card_no
        return self.issued("2024-01-01", municipality_code="630")


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pack of everything, and one of each municipality."""
    folder = tmp_path_factory.mktemp("packs")
    filters = {
        "whole": {"kind": "all"},
        "ours": {"kind": "municipality", "municipality_code": "751"},
        "theirs": {"kind": "municipality", "municipality_code": "630"},
    }
    for name, said in filters.items():
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_text(json.dumps({"filter": said}))
    return folder


@pytest.fixture(scope="module")
def ledger(servers: Servers, wire: Wire, packs: Path) -> Iterator[ServiceProcess]:
    """The ledger as in production, told of cards of two municipalities."""
    service = servers.service(
        "allowance",
        FRIKORT_MODE="production",
        FRIKORT_ALLOWANCE_CONSOLE_AUDITORS=f"somebody, {AUDITOR}",
        FRIKORT_ALLOWANCE_CONSOLE_PACKS=str(packs),
    ).start()
    try:
        set_cap(service, 2023)
        tell(service, wire)
        yield service
    finally:
        service.close()


def tell(service: ServiceProcess, wire: Wire) -> None:
    """Put the cards' grants, and a wage of each, where the ledger reads them."""
    stories = {name: Moved(f"scope-{name}", card_no=name) for name in (OWN, OTHERS, HANDED_OVER)}
    more = (LEAVING, FOLLOWED, SECOND)  # so that the municipalities' counts are not alike
    stories |= {name: Moved(f"scope-{name}", card_no=name) for name in more}
    for name, story in stories.items():
        code = "630" if name == OTHERS else "751"
        wire.send([story.issued(municipality_code=code), story.wage(name, "2023-03-01", 100_00)])
    wire.send([stories[HANDED_OVER].transferred("2023-02-01")])
    wire.send([stories[LEAVING].transferred("2099-01-01")])
    wire.send([stories[FOLLOWED].deactivated("2023-12-01")])
    wire.send([stories[FOLLOWED].granted_next(FOLLOWING)])
    until_applied(service, list(stories.values()))


def ask(service: ServiceProcess, address: str, headers: Mapping[str, str]) -> httpx.Response:
    """Ask for a page, wherever it leads."""
    return service.client.get(address, headers=dict(headers), follow_redirects=True)


def same_but_for_the_card(answer: httpx.Response, card_no: str) -> tuple[int, str]:
    """Give all that a reader is told, without the number that they asked for."""
    return answer.status_code, answer.text.replace(card_no, UNKNOWN)


@pytest.mark.parametrize("address", LEDGER)
@pytest.mark.parametrize("card_no", [OTHERS, HANDED_OVER, FOLLOWED, FOLLOWING])
def test_card_of_another_municipality_is_as_one_that_nobody_knows(
    ledger: ServiceProcess, address: str, card_no: str
) -> None:
    unknown = ask(ledger, address.format(card_no=UNKNOWN), OURS)
    refused = ask(ledger, address.format(card_no=card_no), OURS)

    assert unknown.status_code == 404
    assert "<code>card-unknown</code>" in unknown.text
    assert same_but_for_the_card(refused, card_no) == same_but_for_the_card(unknown, UNKNOWN)


@pytest.mark.parametrize("address", [each for each in LEDGER if "/reads" not in each])
def test_municipality_is_shown_its_own_cards_and_the_auditor_every_one(
    ledger: ServiceProcess, address: str
) -> None:
    shown = [
        ask(ledger, address.format(card_no=card_no), headers).status_code
        for headers, card_no in (
            (OURS, OWN),
            (OURS, LEAVING),
            (THEIRS, OTHERS),
            (THEIRS, HANDED_OVER),
            (THEIRS, FOLLOWING),
            *((auditor, card_no) for auditor in AUDITORS for card_no in (OWN, OTHERS, FOLLOWED)),
        )
    ]

    assert set(shown) == {200}


def test_reader_of_no_municipality_is_refused(ledger: ServiceProcess) -> None:
    for address in (f"/console/da/cards/{OWN}", "/console/da/status", "/console/da/health"):
        answer = ask(ledger, address, {USER: "caseworker"})
        assert answer.status_code == 403
        assert "<code>municipality-unknown</code>" in answer.text


def test_every_municipality_sees_the_ledgers_health(ledger: ServiceProcess) -> None:
    assert ask(ledger, "/console/da/health", OURS).status_code == 200


def test_who_has_read_what_is_for_auditors(ledger: ServiceProcess) -> None:
    ask(ledger, f"/console/da/cards/{OTHERS}", OURS)  # what was refused is recorded as well
    asked = f"/console/en/reads?card_no={OTHERS}"
    refused = ask(ledger, f"/console/en/reads?card_no={OWN}", OURS)

    assert (refused.status_code, "<code>auditors-only</code>" in refused.text) == (403, True)
    assert all("caseworker" in ask(ledger, asked, auditor).text for auditor in AUDITORS)


@pytest.mark.parametrize(
    ("headers", "question", "where", "granted"),
    [
        (OURS, "", "751", 4),
        (OURS, "&municipality=630", "751", 4),
        (OURS, "&municipality=nonsense", "751", 4),
        (THEIRS, "", "630", 3),
        (AUDITORS[1], "", "all municipalities", 7),
        (AUDITORS[0], "&municipality=630", "630", 3),
    ],
)
def test_status_counts_the_readers_own_municipality(
    ledger: ServiceProcess, headers: Mapping[str, str], question: str, where: str, granted: int
) -> None:
    answer = ask(ledger, f"/console/en/status?on=2026-01-01{question}", headers)

    assert answer.status_code == 200
    assert f'Granted</th><td class="figures-column">{granted}</td>' in answer.text
    assert f", {where}</h2>" in answer.text


@pytest.mark.parametrize(
    ("headers", "seen"),
    [(OURS, {"ours"}), (THEIRS, {"theirs"}), (AUDITORS[0], {"whole", "ours", "theirs"})],
)
def test_packs_are_handed_to_those_whose_they_are(
    ledger: ServiceProcess, headers: Mapping[str, str], seen: set[str]
) -> None:
    names = ("whole", "ours", "theirs")
    listed = ask(ledger, "/console/da/packs", headers).text
    handed = {name: ask(ledger, f"/console/da/packs/{name}", headers) for name in names}
    nowhere = ask(ledger, "/console/da/packs/nowhere", headers)

    assert {name for name in names if f"{name}.tar" in listed} == seen
    assert {name for name in names if handed[name].status_code == 200} == seen
    assert {
        (handed[name].status_code, handed[name].text.replace(name, "nowhere"))
        for name in names
        if name not in seen
    } <= {(nowhere.status_code, nowhere.text)}


@pytest.mark.parametrize("address", TEXTS)
def test_texts_about_another_municipalitys_card_are_as_those_of_none(
    servers: Servers, notifications: ServiceProcess, citizen: Citizen, address: str
) -> None:
    issue_card(servers, citizen)
    until_read(notifications, citizen, 1)
    unknown = ask(notifications, address.format(card_no=UNKNOWN), THEIRS)
    refused = ask(notifications, address.format(card_no=citizen.card_no), THEIRS)

    assert unknown.status_code == 404
    assert "<code>card-unknown</code>" in unknown.text
    assert same_but_for_the_card(refused, citizen.card_no) == same_but_for_the_card(
        unknown, UNKNOWN
    )


def test_texts_are_shown_to_who_answers_for_the_card_now(
    servers: Servers, notifications: ServiceProcess, citizen: Citizen
) -> None:
    def shown() -> list[int]:
        page = f"/texts/en/cards/{citizen.card_no}"
        readers: tuple[Mapping[str, str], ...] = (OURS, THEIRS, {})
        return [ask(notifications, page, headers).status_code for headers in readers]

    issue_card(servers, citizen)
    until_read(notifications, citizen, 1)
    granted = shown()
    hand_over(servers, citizen, "630", dt.date(2023, 1, 1), version=2)
    hand_over(servers, citizen, "751", dt.date(2099, 1, 1), version=3)
    until_read(notifications, citizen, 3)

    assert (granted, shown()) == ([200, 404, 200], [404, 200, 200])


def hand_over(
    servers: Servers, citizen: Citizen, code: str, effective_on: dt.date, *, version: int
) -> None:
    """Put a grant-transferred on the topic."""
    event = GrantTransferred(
        card_no=citizen.card_no,
        effective_on=effective_on,
        decided_on=dt.date(2023, 1, 1),
        known_at=OLD,
        from_municipality_code="630" if code == "751" else "751",
        to_municipality_code=code,
    )
    put_fact(servers, GRANTS.name, citizen.id, event, version=version)


def until_read(service: ServiceProcess, citizen: Citizen, version: int) -> None:
    """Wait until a service has read what grants sent of a citizen."""
    position = Position(service="grants", citizen_id=citizen.id, version=version)
    assert service.progress(position)[0].state == "applied"

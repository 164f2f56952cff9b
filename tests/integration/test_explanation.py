"""Explanations, differences and previews of the real ledger: over HTTP and as the auditor."""

import datetime as dt
import json
import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from cli.main import app
from frikort_contracts.explanations import Difference, Explanation, Preview
from frikort_contracts.topics import ALLOWANCE
from tests.integration.allowance_cases import Wire, at, set_cap, until_applied
from tests.integration.servers import Servers, ServiceProcess, wait_for
from tests.unit.ledger_cases import CAP_ORE, Story, identity

pytestmark = pytest.mark.slow

SEED = 20230601
CITIZENS = 8
WAGES_MAX = 10
QUESTIONS = 12
START = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    """The ledger; the cap of 2023 is raised on 1 July, as it was (DOMAIN 1.2)."""
    service = servers.service("allowance").start()
    try:
        set_cap(service, 2023)
        set_cap(service, 2023, 2 * CAP_ORE, in_force_from="2023-07-01", known_at="2023-06-01")
        set_cap(service, 2021)
        wait_for(lambda: _sweeps(servers) == [True], what="the sweep of the raised cap")
        yield service
    finally:
        service.close()


def get(service: ServiceProcess, story: Story, what: str, **query: Any) -> dict[str, Any]:
    answer = service.client.get(f"/v1/cards/{story.card_no}/{what}", params=query)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def preview(
    service: ServiceProcess, story: Story, paid_on: str, amount_ore: int, **more: str
) -> Preview:
    body = {"paid_on": paid_on, "amount_ore": amount_ore} | more
    answer = service.client.post(f"/v1/cards/{story.card_no}/preview", json=body)
    return Preview.model_validate_json(answer.raise_for_status().content)


def explain(servers: Servers, *arguments: str) -> Result:
    url = servers.database_url("allowance", "auditor")
    environment = {"FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": url}
    return CliRunner().invoke(app, ["ledger", "explain", *arguments], env=environment)


def test_the_service_and_the_auditor_are_told_the_same(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    story = Story("explained", card_no="12000")
    wire.send(
        [
            story.issued("2023-01-10"),
            story.wage("early", "2023-01-09", 100),
            story.wage("most", "2023-08-01", 2 * CAP_ORE - 500),
            story.wage("crossing", "2023-08-02", 800),
            story.reversal("most", "2023-08-01", 2 * CAP_ORE - 500),
            story.deactivated("2023-09-01"),
            story.wage("inactive", "2023-09-01", 700, rests_on=2),
            story.wage("no cap", "2022-02-01", 600, rests_on=2),
        ]
    )
    allowance.progress(at(story))

    told = get(allowance, story, "explanation")
    of_2023 = get(allowance, story, "explanation", year=2023)
    as_auditor = explain(servers, story.card_no, "--json")

    assert as_auditor.exit_code == 0
    assert json.loads(as_auditor.stdout) == told
    assert json.loads(explain(servers, "12000", "--year", "2023", "--json").stdout) == of_2023
    found = Explanation.model_validate(told)
    assert [(e.kind, e.reason, e.covered_ore, e.excess_ore) for e in found.entries] == [
        ("wage", "before-grant", 0, 100),
        ("wage", "within-cap", 2 * CAP_ORE - 500, 0),
        ("wage", "over-cap", 500, 300),
        ("reversal", "wage-reversed", 500 - 2 * CAP_ORE, 0),
        ("wage", "grant-inactive", 0, 700),
    ]
    assert [(w.wage_id, w.reason) for w in found.waiting] == [(identity("no cap"), "cap-unknown")]
    assert [len(of_2023["entries"]), len(of_2023["waiting"])] == [5, 0]
    entries = allowance.client.get(f"/v1/cards/{story.card_no}/entries").json()
    hashes = {entry["entry_no"]: entry["hash"] for entry in entries}
    assert all(hashes[entry.entry_no] == entry.hash for entry in found.entries)
    assert "Kort 12000, alle år" in explain(servers, story.card_no, "--lang", "da").stdout


def test_differences_are_those_of_the_balances_for_random_histories(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a seed, so that a failure repeats
    many = [Story(f"random-{place}", card_no=f"{13000 + place}") for place in range(CITIZENS)]
    wire.send([message for story in many for message in _history(story, chance)])
    until_applied(allowance, many)
    set_cap(allowance, 2023, 3 * CAP_ORE, in_force_from="2023-10-01", known_at="2023-09-01")
    wait_for(
        lambda: all("annual-cap-set" in _kinds(allowance, story) for story in many),
        what="the raised cap brought to everybody",
    )
    explained = [
        Explanation.model_validate(get(allowance, story, "explanation", year=2023))
        for story in many
    ]
    assert [[c.cap and c.cap.amount_ore for c in each.caps] for each in explained] == [
        [3 * CAP_ORE]
    ] * CITIZENS

    for story in many:
        for number in range(QUESTIONS):
            first, second = _question(chance), _question(chance)
            what = f"seed {SEED}, card {story.card_no}, question {number}: {first} {second}"
            before, after = (
                get(allowance, story, "allowance", year=2023, **asked) for asked in (first, second)
            )
            asked = {f"from_{name}": value for name, value in first.items()} | {
                f"to_{name}": value for name, value in second.items()
            }
            told = get(allowance, story, "difference", year=2023, **asked)
            found = Difference.model_validate(told)

            for name in ("limit_ore", "covered_ore", "excess_ore", "remaining_ore", "entries"):
                assert getattr(found.first, name) == before[name], what
                assert getattr(found.second, name) == after[name], what
            limit_ore = (found.cap.limit_ore or 0) if found.cap else 0
            covered_ore = sum(effect.covered_ore for effect in found.entries)
            assert after["covered_ore"] - before["covered_ore"] == covered_ore, what
            excess_ore = sum(effect.excess_ore for effect in found.entries)
            assert after["excess_ore"] - before["excess_ore"] == excess_ore, what
            assert found.change.remaining_ore == (
                limit_ore - covered_ore + (found.change.over_limit_ore or 0)
            ), what
            options = [f"--{k.replace('_', '-')}={v}" for k, v in asked.items()]
            if number == 0 and options:
                result = explain(servers, story.card_no, "--year", "2023", "--json", *options)
                assert json.loads(result.stdout) == told, what


def test_a_preview_writes_nothing(servers: Servers, allowance: ServiceProcess, wire: Wire) -> None:
    story = Story("previewed", card_no="12100")
    wire.send([story.issued(), story.wage("first", "2023-02-01", 1000)])
    until_applied(allowance, [story])
    before = _tables(servers)
    wait_for(lambda: len(servers.all_records(ALLOWANCE.name)) == _decided(servers), what="all sent")
    sent = len(servers.all_records(ALLOWANCE.name))

    for day, amount_ore in (("2023-03-01", 5), ("2023-03-01", 3 * CAP_ORE), ("2022-03-01", 5)):
        preview(allowance, story, day, amount_ore)
    allowance.client.post("/v1/cards/12100/preview", json={})
    allowance.client.post("/v1/cards/99999/preview", json={"paid_on": "2023-01-01"})

    assert _tables(servers) == before
    assert len(servers.all_records(ALLOWANCE.name)) == sent


def test_a_wage_gets_what_its_preview_said(allowance: ServiceProcess, wire: Wire) -> None:
    story = Story("foretold", card_no="12200")
    wire.send([story.issued("2021-01-01"), story.wage("first", "2021-02-01", CAP_ORE - 900)])
    until_applied(allowance, [story])

    foretold = preview(allowance, story, "2021-03-01", 2000)
    wire.send([story.wage("second", "2021-03-01", 2000)])
    until_applied(allowance, [story])

    told = Explanation.model_validate(get(allowance, story, "explanation", year=2021))
    second = told.entries[-1]
    assert (foretold.covered_ore, foretold.excess_ore) == (900, 1100)
    assert (foretold.covered_ore, foretold.excess_ore, foretold.reason, foretold.danish) == (
        second.covered_ore,
        second.excess_ore,
        second.reason,
        second.danish,
    )
    assert (foretold.remaining_before_ore, foretold.remaining_after_ore) == (900, 0)
    assert foretold.cap == second.cap


def test_r38_a_preview_knows_that_the_year_is_closed_where_the_citizen_lives(
    allowance: ServiceProcess, wire: Wire
) -> None:
    story = Story("closed", card_no="12500")
    wire.send([story.issued("2019-01-01"), story.wage("open", "2019-02-01", 900)])
    set_cap(allowance, 2019)
    until_applied(allowance, [story])
    before = preview(allowance, story, "2019-03-01", 100)

    elsewhere = allowance.client.post("/v1/municipalities/101/years/2019/closing")
    still_open = preview(allowance, story, "2019-03-01", 100)
    here = allowance.client.post("/v1/municipalities/751/years/2019/closing")
    after = preview(allowance, story, "2019-03-01", 100)

    assert (elsewhere.status_code, here.status_code) == (201, 201)
    assert before.reason == still_open.reason == "within-cap"
    assert (after.reason, after.covered_ore, after.excess_ore) == ("year-closed", 0, 100)
    assert after.remaining_after_ore == after.remaining_before_ore


def test_r32_a_preview_goes_by_the_card_that_was_let_cover_again(
    allowance: ServiceProcess, wire: Wire
) -> None:
    story = Story("returned", card_no="12600")
    elsewhere = Story("returned", card_no="12601")
    messages = [story.issued("2024-01-01"), story.deactivated("2024-02-01")]
    elsewhere.grants_version = story.grants_version
    messages.append(elsewhere.issued("2024-02-01", municipality_code="101"))
    messages.append(elsewhere.deactivated("2024-03-01"))
    story.grants_version = elsewhere.grants_version
    messages.append(story.reactivated("2024-03-01"))
    wire.send(messages)
    set_cap(allowance, 2024)
    until_applied(allowance, [story])

    reasons = []
    for code in ("101", "751"):
        allowance.client.post(f"/v1/municipalities/{code}/years/2024/closing").raise_for_status()
        reasons.append(preview(allowance, story, "2024-03-02", 100).reason)

    assert reasons == ["within-cap", "year-closed"]


def test_a_preview_says_what_waits_and_that_a_year_has_no_cap(
    allowance: ServiceProcess, wire: Wire
) -> None:
    story = Story("waiting", card_no="12300")
    wire.send([story.issued("2020-01-01"), story.wage("early", "2020-05-01", 900)])
    allowance.progress(at(story))

    found = preview(allowance, story, "2020-06-01", 100)

    assert (found.reason, found.covered_ore, found.limit_ore) == ("cap-unknown", None, None)
    assert found.waiting == 1


def test_what_is_asked_of_an_unknown_card_is_refused(
    servers: Servers, allowance: ServiceProcess
) -> None:
    body = {"paid_on": "2023-01-01", "amount_ore": 100}
    thought = allowance.client.post("/v1/cards/99998/preview", json=body)
    told = allowance.client.get("/v1/cards/99998/explanation")
    result = explain(servers, "99998")

    assert (thought.status_code, thought.json()["code"]) == (409, "card-unknown")
    assert "Retry-After" in thought.headers
    assert (told.status_code, told.json()["code"]) == (404, "card-unknown")
    assert result.exit_code == 1
    assert "card-unknown" in result.stderr


def test_a_preview_refuses_what_is_no_wage(allowance: ServiceProcess) -> None:
    good: dict[str, Any] = {"paid_on": "2023-02-01", "amount_ore": 100}

    bad: dict[str, dict[str, Any]] = {
        "nothing": {"amount_ore": 0},
        "told before": {"registered_at": "2023-01-31"},
        "unknown field": {"note": "x"},
    }

    codes = {
        name: allowance.client.post("/v1/cards/12400/preview", json=good | changed).json()["code"]
        for name, changed in bad.items()
    }

    assert codes == {
        "nothing": "amount-not-positive",
        "told before": "registered-before-paid",
        "unknown field": "request-malformed",
    }


def test_the_addresses_are_documented(allowance: ServiceProcess) -> None:
    paths = allowance.client.get("/openapi.json").json()["paths"]

    assert {"get"} <= set(paths["/v1/cards/{card_no}/explanation"])
    assert {"get"} <= set(paths["/v1/cards/{card_no}/difference"])
    assert {"post"} <= set(paths["/v1/cards/{card_no}/preview"])


def _history(story: Story, chance: random.Random) -> Iterator[Any]:
    """Tell a citizen's year at random: wages, some taken back, learned at any time after."""
    yield story.issued("2023-01-01")
    for place in range(chance.randint(1, WAGES_MAX)):
        paid = START + dt.timedelta(days=chance.randrange(365))
        known_at = paid + dt.timedelta(hours=chance.randrange(24 * 200))
        name, paid_on = f"{story.card_no}-{place}", paid.date().isoformat()
        amount_ore = chance.randrange(1, 15_000_00)
        yield story.wage(name, paid_on, amount_ore, known_at=known_at)
        if chance.random() < 0.3:
            taken_back_at = known_at + dt.timedelta(hours=chance.randrange(24 * 100))
            yield story.reversal(name, paid_on, amount_ore, known_at=taken_back_at)


def _sweeps(servers: Servers) -> list[bool]:
    """Tell of each sweep whether it has reached everybody: none comes between two answers."""
    with psycopg.connect(servers.database_url("allowance", "owner")) as connection:
        rows = connection.execute("SELECT finished_at IS NOT NULL FROM cap_sweeps").fetchall()
    return [finished for (finished,) in rows]


def _kinds(service: ServiceProcess, story: Story) -> set[str]:
    entries = service.client.get(f"/v1/cards/{story.card_no}/entries").raise_for_status().json()
    return {entry["content"]["source"]["type"] for entry in entries}


def _question(chance: random.Random) -> dict[str, str]:
    asked = {}
    if chance.random() < 0.6:
        asked["as_of"] = (START + dt.timedelta(days=chance.randrange(365))).date().isoformat()
    if chance.random() < 0.6:
        known_at = START + dt.timedelta(hours=chance.randrange(24 * 600))
        whole_day = chance.random() < 0.5
        asked["known_at"] = known_at.date().isoformat() if whole_day else known_at.isoformat()
    return asked


def _decided(servers: Servers) -> int:
    """Count the events that the entries say are to be sent."""
    with psycopg.connect(servers.database_url("allowance", "owner")) as connection:
        rows = connection.execute("SELECT bytes FROM journal").fetchall()
    return sum(len(json.loads(entry)["events"]) for (entry,) in rows)


def _tables(servers: Servers) -> dict[str, list[Any]]:
    """Give every row of every table with the transaction that wrote it."""
    with psycopg.connect(servers.database_url("allowance", "owner")) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        return {
            name: sorted(
                connection.execute(
                    sql.SQL("SELECT xmin::TEXT, t::TEXT FROM {} AS t").format(sql.Identifier(name))
                ).fetchall()
            )
            for (name,) in names
        }

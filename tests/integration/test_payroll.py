"""Payroll as a process on real servers: what it records, refuses, repeats and sends."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from frikort_contracts.imports import Position
from tests.integration import payroll_cases as cases
from tests.integration.payroll_cases import send
from tests.integration.servers import Servers, ServiceProcess, header, payload, wait_for

pytestmark = pytest.mark.slow

TOPIC = "frikort-payroll"
OWN_TABLES = (
    "card_changes",
    "cards",
    "citizens",
    "commands",
    "employments",
    "events",
    "held_messages",
    "import_remarks",
    "import_rows",
    "imports",
    "missing_registrations",
    "person_keys",
    "wages",
)


def sent_wages(servers: Servers, citizen_id: str) -> list[dict[str, Any]]:
    records = servers.records(TOPIC, citizen_id)
    return [payload(r) for r in records if header(r, "ce_type") == "wage-paid"]


def await_sent(servers: Servers, citizen_id: str, count: int) -> list[Any]:
    wait_for(lambda: len(servers.records(TOPIC, citizen_id)) >= count, what=f"{count} records sent")
    return servers.records(TOPIC, citizen_id)


def produced(servers: Servers) -> Counter[int]:
    """Count by partition what grants have sent by now."""
    return Counter(record.partition for record in servers.all_records("frikort-grants"))


def accounted(servers: Servers) -> Counter[int]:
    with psycopg.connect(servers.database_url("payroll")) as connection:
        rows = connection.execute(
            """
            SELECT p.partition, p.applied + p.ignored + p.duplicate + count(h.topic)
            FROM inbox_positions AS p
            LEFT JOIN held_messages AS h USING (topic, partition)
            WHERE p.topic = 'frikort-grants'
            GROUP BY p.topic, p.partition
            """
        ).fetchall()
    return Counter(dict(rows))


def test_employment_on_an_unknown_card_is_taken_once_its_grant_has_arrived(
    grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    card_no, cpr = cases.new_card()
    employed = cases.employment(card_no)
    early = payroll.client.post(
        "/v1/employments", json=employed, headers={"Idempotency-Key": card_no}
    )
    grants.client.post("/v1/grants", json=cases.grant(card_no, cpr)).raise_for_status()
    wait_for(
        lambda: send(payroll, "employments", employed, card_no)[0] == 201,
        what="the same key taken",
    )

    assert (early.status_code, early.json()["code"]) == (409, "card-unknown")
    assert early.headers["Retry-After"] == "1"


def test_file_waits_a_while_for_the_grant_it_rests_on(
    grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    card_no, cpr = cases.new_card()
    import_id = payroll.start_import("employments", [cases.employment(card_no)])
    wait_for(lambda: payroll.import_state(import_id).checked == 1, what="checked once")
    grants.client.post("/v1/grants", json=cases.grant(card_no, cpr)).raise_for_status()
    ended = payroll.await_import(import_id)

    assert (ended.state, ended.appended, ended.problems) == ("done", 1, ())


def test_wage_says_on_the_wire_how_far_the_grants_were_read(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    change = {"effective_on": "2023-03-01", "decided_on": "2023-02-20"}
    decided = grants.client.post(f"/v1/grants/{employed['card_no']}/deactivation", json=change)
    position = Position.model_validate(decided.json()["position"])
    payroll.progress(position)
    transfer = {"effective_on": "2023-03-01", "decided_on": "2023-02-20"}
    moved = grants.client.post(
        f"/v1/grants/{employed['card_no']}/transfer", json={**transfer, "municipality_code": "101"}
    )
    payroll.progress(Position.model_validate(moved.json()["position"]))
    status, answer = send(payroll, "wages", cases.wage(employed))
    records = await_sent(servers, citizen_id, 2)

    assert (status, answer["warnings"]) == (201, ["grant-inactive", "work-before-deactivation"])
    assert [payload(record)["grants_version"] for record in records] == [1, 3]
    assert [header(record, "ce_municipality") for record in records] == ["751", "101"]
    assert [header(record, "ce_streamversion") for record in records] == ["1", "2"]
    assert payload(records[1])["known_at"] == "2023-04-01T07:30:00.000000Z"
    assert header(records[1], "ce_id") == answer["id"]


def test_same_key_gets_the_first_answer_and_other_content_is_refused(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    paid = cases.wage(employed)
    first = send(payroll, "wages", paid, paid["wage_ref"].encode().hex())
    again = send(payroll, "wages", paid, paid["wage_ref"].encode().hex())
    other = send(payroll, "wages", {**paid, "amount_ore": 1}, paid["wage_ref"].encode().hex())

    assert (first[0], again[0]) == (201, 200)
    assert {**first[1], "warnings": []} == again[1]
    assert (other[0], other[1]["code"], other[1]["field"]) == (
        422,
        "idempotency-mismatch",
        "amount_ore",
    )
    await_sent(servers, citizen_id, 2)
    assert len(sent_wages(servers, citizen_id)) == 1


@pytest.mark.parametrize("same_key", [True, False])
def test_wage_sent_by_eight_at_once_is_recorded_once(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess, *, same_key: bool
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    paid = cases.wage(employed)
    keys = [f"{citizen_id}-{0 if same_key else number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda key: send(payroll, "wages", paid, key), keys))
    statuses = sorted(status for status, _ in answers)

    assert statuses == ([200] * 7 + [201] if same_key else [201] + [409] * 7)
    assert {a.get("code") for _, a in answers} == ({None} if same_key else {None, "wage-ref-taken"})
    await_sent(servers, citizen_id, 2)
    assert len(sent_wages(servers, citizen_id)) == 1


def test_wage_is_reversed_once_and_shown_with_its_reversal(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    paid = cases.wage(employed)
    send(payroll, "wages", paid)
    path = f"wages/{paid['wage_ref']}/reversal"
    body = {"reason": "Åse Østergård fik for meget", "reversed_on": "2023-04-02"}
    first = send(payroll, path, body, f"{citizen_id}-1")
    repeated = send(payroll, path, body, f"{citizen_id}-1")
    second = send(payroll, path, body, f"{citizen_id}-2")
    replacement = send(payroll, "wages", paid, f"{citizen_id}-3")
    shown = payroll.client.get(f"/v1/wages/{paid['wage_ref']}").json()

    assert (first[0], repeated[0]) == (201, 200)
    assert (second[0], second[1]["code"]) == (409, "already-reversed")
    assert (replacement[0], replacement[1]["code"]) == (409, "wage-ref-taken")
    assert (shown["state"], shown["citizen_id"]) == ("reversed", citizen_id)
    assert [fact["event"] for fact in shown["facts"]] == ["wage-paid", "wage-reversed"]
    records = await_sent(servers, citizen_id, 3)
    assert payload(records[2])["wage_id"] == payload(records[1])["wage_id"] == shown["wage_id"]


def test_end_of_an_employment_is_recorded(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    path = f"employments/{employed['employment_ref']}/end"
    ended = send(payroll, path, {"ends_on": "2023-03-30"})
    late = send(payroll, "wages", cases.wage(employed))
    records = await_sent(servers, citizen_id, 3)

    assert (ended[0], late[1]["warnings"]) == (201, ["outside-employment"])
    assert header(records[1], "ce_type") == "employment-ended"


def test_what_cannot_be_a_fact_is_refused_with_a_code(
    grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, _ = cases.employ(grants, payroll)
    other_card, _ = cases.issue(grants, payroll)
    changes: dict[str, dict[str, Any]] = {
        "card-unknown": {"card_no": "00000"},
        "employment-unknown": {"employment_ref": "nobody's"},
        "employment-card-mismatch": {"card_no": other_card},
        "employment-cvr-mismatch": {"cvr": cases.OTHER_CVR},
        "wage-in-future": {"paid_on": "2099-01-01", "registered_at": None},
        "registered-before-paid": {"paid_on": "2023-04-02"},
        "registered-in-future": {"registered_at": "2099-01-01"},
        "amount-not-positive": {"amount_ore": -1},
        "cvr-check-digit": {"cvr": "10150818"},
    }
    refusals = {
        code: send(payroll, "wages", cases.wage(employed, **changed))
        for code, changed in changes.items()
    }
    unknown = send(payroll, "wages/nobody's/reversal", {"reason": "x", "reversed_on": "2023-04-02"})

    assert {code: answer["code"] for code, (_, answer) in refusals.items()} == {
        code: code for code in refusals
    }
    assert {status for status, _ in refusals.values()} == {409, 422}
    assert (unknown[0], unknown[1]["code"]) == (409, "wage-unknown")


def test_file_taken_twice_changes_nothing_and_a_changed_row_is_named(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    rows = [cases.wage(employed), cases.wage(employed, amount_ore=7), cases.wage(employed)]
    first = payroll.import_rows("wages", rows)
    second = payroll.import_rows("wages", rows)
    rows[1]["amount_ore"] = 8
    third = payroll.import_rows("wages", rows)

    assert (first.state, first.appended, first.problems) == ("done", 3, ())
    assert [warning.code for warning in first.warnings] == ["likely-duplicate"]
    assert (second.state, second.appended, second.repeated) == ("done", 0, 3)
    assert (third.state, third.appended) == ("refused", 0)
    assert [(p.line, p.code) for p in third.problems] == [(3, "idempotency-mismatch")]
    await_sent(servers, citizen_id, 4)
    assert len(sent_wages(servers, citizen_id)) == 3


def test_bad_rows_are_each_named_and_nothing_is_taken(
    grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, _ = cases.employ(grants, payroll)
    rows = [
        cases.wage(employed),
        cases.wage(employed, paid_on="2099-01-01"),
        cases.wage(employed, amount_ore=-5),
        cases.wage(employed, employment_ref="nobody's"),
    ]
    whole = payroll.import_rows("wages", rows)
    partial = payroll.import_rows("wages", rows, partial=True)

    codes = [(2 + 1, "wage-in-future"), (4, "amount-not-positive"), (5, "employment-unknown")]
    assert (whole.state, whole.appended) == ("refused", 0)
    assert sorted((p.line, p.code) for p in whole.problems) == codes
    assert (partial.state, partial.appended) == ("done", 1)
    assert sorted((p.line, p.code) for p in partial.problems) == codes


def test_import_killed_midway_goes_on_by_itself_and_records_every_row_once(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed = [cases.employ(grants, payroll) for _ in range(4)]
    rows = [cases.wage(employed[number % 4][0], amount_ore=number + 1) for number in range(4_000)]
    import_id = payroll.start_import("wages", rows)
    wait_for(lambda: payroll.import_state(import_id).appended > 0, what="the first rows taken")
    payroll.kill()
    with psycopg.connect(servers.database_url("payroll")) as connection:
        found = connection.execute("SELECT appended FROM imports WHERE import_id = %s", [import_id])
        taken = found.fetchone()
    payroll.start()
    ended = payroll.await_import(import_id)

    assert taken is not None
    assert 0 < taken[0] < 4_000, "killed too early or too late to show anything"
    assert (ended.state, ended.appended, ended.repeated) == ("done", 4_000, 0)
    for number, (_, citizen_id) in enumerate(employed):
        await_sent(servers, citizen_id, 1_001)
        amounts = sorted(fact["amount_ore"] for fact in sent_wages(servers, citizen_id))
        assert amounts == list(range(number + 1, 4_001, 4))


def test_message_that_cannot_be_read_holds_back_its_citizen_only(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    template = servers.records("frikort-grants", citizen_id)[0]
    headers = [h for h in template.headers if h[0] not in {"ce_streamversion", "ce_partitionseq"}]
    servers.put("frikort-grants", citizen_id, b"{not JSON", [*headers, ("ce_streamversion", b"2")])
    servers.put(
        "frikort-grants", citizen_id, template.value, [*headers, ("ce_streamversion", b"3")]
    )
    positions = [
        Position(service="grants", citizen_id=citizen_id, version=version) for version in (1, 2, 3)
    ]
    progress = payroll.progress(*positions)
    cases.employ(grants, payroll)
    send(payroll, "wages", cases.wage(employed))
    records = await_sent(servers, citizen_id, 2)

    assert [(p.state, p.code) for p in progress] == [
        ("applied", None),
        ("parked", "payload-unreadable"),
        ("waiting", "behind-parked"),
    ]
    assert payload(records[1])["grants_version"] == 1


def test_event_of_an_unknown_type_moves_the_version_and_nothing_else(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    told = dict(servers.records("frikort-grants", citizen_id)[0].headers)
    del told["ce_partitionseq"]
    told |= {"ce_streamversion": b"2", "ce_type": b"grant-invented"}
    servers.put("frikort-grants", citizen_id, b'{"new": true}', list(told.items()))
    progress = payroll.progress(Position(service="grants", citizen_id=citizen_id, version=2))
    status, answer = send(payroll, "wages", cases.wage(employed))

    assert progress[0].state == "applied"
    assert (status, answer["grants_version"]) == (201, 2)


def test_message_without_a_readable_subject_holds_back_the_citizen_of_its_key(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    _, citizen_id = cases.employ(grants, payroll)
    first = servers.records("frikort-grants", citizen_id)[0]
    told = {name: value for name, value in first.headers if name != "ce_partitionseq"}
    told |= {"ce_streamversion": b"2", "ce_subject": b"\xff\x00nobody"}
    servers.put("frikort-grants", citizen_id, first.value, list(told.items()))
    progress = payroll.progress(Position(service="grants", citizen_id=citizen_id, version=2))

    assert (progress[0].state, progress[0].code) == ("parked", "envelope-unreadable")


def test_every_message_of_a_partition_is_accounted_for(
    servers: Servers, payroll: ServiceProcess
) -> None:
    del payroll
    wait_for(lambda: accounted(servers) == produced(servers), what="produced = accounted")

    assert produced(servers).total() > 0


def test_free_text_stays_with_payroll_sealed(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    paid = cases.wage(employed, external_ref="Østergård 1")
    payroll.import_rows("wages", [paid])
    confirmation = {"external_ref": "Østergård 2", "confirmed_on": "2023-04-02"}
    send(payroll, f"wages/{paid['wage_ref']}/external-registration", confirmation)
    reversal = {"reason": "Østergård", "reversed_on": "2023-04-02"}
    send(payroll, f"wages/{paid['wage_ref']}/reversal", reversal)
    records = await_sent(servers, citizen_id, 4)
    with psycopg.connect(servers.database_url("payroll")) as connection:
        dump = [
            connection.execute(f"SELECT string_agg(t::TEXT, '') FROM {name} AS t").fetchone()  # noqa: S608 - our own tables
            for name in OWN_TABLES
        ]

    assert len(str(dump)) > 1_000
    assert "sterg" not in str(dump)
    assert b"sterg".hex() not in str(dump)
    assert not any(b"sterg" in record.value + str(record.headers).encode() for record in records)

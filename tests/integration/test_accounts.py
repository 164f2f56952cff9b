"""A running payroll says of every message of a partition what became of it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from frikort_contracts.topics import partition_of
from tests.integration import payroll_cases as cases
from tests.integration.servers import Servers, ServiceProcess, wait_for

pytestmark = pytest.mark.slow

TOPIC = "frikort-grants"


def figures(payroll: ServiceProcess) -> dict[int, dict[str, int]]:
    """Give what `/metrics` says of frikort-grants, by partition and outcome."""
    found: dict[int, dict[str, int]] = {}
    for family in text_string_to_metric_families(payroll.client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == "frikort_inbox_messages" and sample.labels["topic"] == TOPIC:
                lane = found.setdefault(int(sample.labels["partition"]), {})
                lane[sample.labels["outcome"]] = int(sample.value)
    return found


def waiting(payroll: ServiceProcess) -> dict[str, int]:
    families = text_string_to_metric_families(payroll.client.get("/metrics").text)
    return {
        sample.labels["reason"]: int(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == "frikort_waiting_messages"
    }


def sent(servers: Servers, partition: int) -> int:
    """Count what a partition holds, by the numbers of its records and those without one."""
    lane = [each for each in servers.all_records(TOPIC) if each.partition == partition]
    numbers = [int(dict(each.headers).get("ce_partitionseq", b"0")) for each in lane]
    return max(numbers) + numbers.count(0)


def test_every_message_is_accounted_for_in_the_figures(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    _, citizen_id = cases.employ(grants, payroll)
    partition = partition_of(citizen_id)
    wait_for(
        lambda: figures(payroll).get(partition, {}).get("produced") == sent(servers, partition),
        what="the figures of all that was sent",
    )
    before, waited = figures(payroll)[partition], waiting(payroll).get("behind-parked", 0)
    template = servers.records(TOPIC, citizen_id)[0]
    headers = [h for h in template.headers if h[0] not in {"ce_streamversion", "ce_partitionseq"}]
    servers.put(TOPIC, citizen_id, b"{not JSON", [*headers, ("ce_streamversion", b"2")])
    for version in (b"3", b"4"):
        servers.put(TOPIC, citizen_id, template.value, [*headers, ("ce_streamversion", version)])
    expected = {**before, "produced": before["produced"] + 3}
    expected |= {"waiting": before["waiting"] + 2, "parked": before["parked"] + 1}
    wait_for(lambda: figures(payroll)[partition] == expected, what=f"{expected}")

    assert waiting(payroll)["behind-parked"] == waited + 2
    for lane in figures(payroll).values():
        assert lane["produced"] == sum(lane.values()) - lane["produced"]

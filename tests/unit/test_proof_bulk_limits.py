"""What the ledger would never write is doubted in bulk: amounts, rules and sums of another kind."""

import json
from typing import Any

import pytest

from tests.unit.proof_rows import canonical
from tests.unit.test_proof_bulk import RULE, damaged, doubts_what_is_named, hash_again


@pytest.mark.parametrize("column", ["covered_ore", "excess_ore"])
@pytest.mark.parametrize("value", [0, -(2**63)])
@pytest.mark.parametrize("kind", ["grant-issued", "annual-cap-set"])
def test_an_amount_where_nothing_is_decided_is_doubted(column: str, value: int, kind: str) -> None:
    tampered = damaged()
    row = next(row for row in tampered.journal if row["source_type"] == kind)
    row[column] = value

    assert doubts_what_is_named(tampered)


def test_a_rule_whose_id_is_written_otherwise_is_none() -> None:
    tampered = damaged()
    tampered.rules = [{**RULE, "id": RULE["id"].upper()}]

    assert doubts_what_is_named(tampered)


@pytest.mark.parametrize(
    "rule",
    [
        *({}, {**RULE, "id": 5}, {**RULE, "id": "x"}, {**RULE, "payload": None}),
        *({**RULE, "version": 2**63}, {**RULE, "payload": {"amount_ore": "1"}}),
    ],
)
def test_what_is_no_rule_leaves_its_sweeps_in_doubt(rule: dict[str, Any]) -> None:
    tampered = damaged()
    tampered.rules = [rule]

    assert tampered.checked().doubted == set(tampered.heads)


def test_amounts_too_large_to_be_summed_are_doubted() -> None:
    tampered = damaged()
    for row in tampered.journal:
        if row["covered_ore"]:
            row["covered_ore"], row["amount_ore"] = 10**12 + 1, 10**12 + 1 + row["excess_ore"]
            entry = json.loads(row["bytes"])
            entry["decision"]["covered_ore"] = 10**12 + 1
            row["bytes"] = canonical(entry)
    hash_again(tampered)

    assert tampered.checked().doubted == set(tampered.heads)

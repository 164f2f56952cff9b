"""What may be done to the ledger's database, by name: the statement, where it shows, and in what.

In braces stands whose entry it is: {here}, {citizen}, {entry_no}, {partition}.
"""

from typing import Final

DAMAGE: Final[dict[str, tuple[str, str, str]]] = {
    "a changed byte": (
        "UPDATE journal SET bytes = set_bit(bytes, 320, 1 - get_bit(bytes, 320)) WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "hash",
    ),
    "bytes of another kind": (
        "UPDATE journal SET bytes = '{{}}' WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "hash",
    ),
    "a changed hash": (
        "UPDATE journal SET hash = sha256(hash) WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "hash",
    ),
    "two swapped entries": (
        """
        UPDATE journal AS a
        SET bytes = b.bytes
        FROM journal AS b
        WHERE (a.citizen_id, b.citizen_id) = ('{citizen}', '{citizen}')
          AND (a.entry_no, b.entry_no) IN ((2, 3), (3, 2))
        """,
        "citizen {citizen} entry 2",
        "hash",
    ),
    "a changed column": (
        "UPDATE journal SET known_at = known_at + interval '1 day' WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "known_at",
    ),
    "recorded earlier": (
        "UPDATE journal SET recorded_at = recorded_at - interval '1 day' WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "recorded_at",
    ),
    "another card": (
        "UPDATE journal SET card_no = '99999' WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "card_no",
    ),
    "another municipality": (
        "UPDATE journal SET municipality_code = '101' WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "municipality_code",
    ),
    "another date": (
        "UPDATE journal SET paid_on = paid_on + 1 WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "paid_on",
    ),
    "more covered": (
        "UPDATE journal SET covered_ore = amount_ore, excess_ore = 0 WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "covered_ore",
    ),
    "another sum of the year": (
        "UPDATE journal SET year_covered_ore = year_covered_ore - 1 WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "year_covered_ore",
    ),
    "another source": (
        "UPDATE journal SET source_id = gen_random_uuid() WHERE {here}",
        "citizen {citizen} entry {entry_no}",
        "source_id",
    ),
    "a missing entry": (
        "DELETE FROM journal WHERE citizen_id = '{citizen}' AND entry_no = 3",
        "citizen {citizen} entry 4",
        "entry_no",
    ),
    "a cut tail": ("DELETE FROM journal WHERE {here}", "citizen {citizen}", "entries"),
    "a missing citizen": (
        "DELETE FROM journal WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "entries",
    ),
    "an entry in another partition": (
        "UPDATE journal SET partition = (partition + 1) % 12, journal_seq = 99 WHERE {here}",
        "partition {partition}",
        "entries",
    ),
    "a changed balance": (
        "UPDATE balances SET covered_ore = covered_ore + 1 WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "balance 2023 covered_ore",
    ),
    "another excess over the cap": (
        "UPDATE balances SET over_cap_ore = over_cap_ore + 1 WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "balance 2023 over_cap_ore",
    ),
    "another last day covered": (
        "UPDATE balances SET covered_to = covered_to + 1 WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "balance 2023 covered_to",
    ),
    "a missing balance": (
        "DELETE FROM balances WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "balance 2023",
    ),
    "a balance of no entries": (
        "UPDATE balances SET year = 2031 WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "balance 2031",
    ),
    "a head that is another": (
        "UPDATE citizens SET head = sha256(head) WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "head",
    ),
    "a citizen who is gone": (
        "DELETE FROM citizens WHERE citizen_id = '{citizen}'",
        "citizen {citizen}",
        "entries",
    ),
    "a partition's number": (
        "UPDATE ledger_partitions SET journal_seq = journal_seq + 1 WHERE partition = {partition}",
        "partition {partition}",
        "entries",
    ),
    "a message that waits no more": (
        "DELETE FROM held_messages",
        "{waits_lane}",
        "messages accounted for",
    ),
    "a position that is ahead": (
        "UPDATE inbox_positions SET last_seq = last_seq + 1 WHERE partition = {partition}",
        "frikort-payroll:{partition}",
        "messages accounted for",
    ),
    "a changed rule": ("UPDATE rules SET amount_ore = 1 WHERE version = 1", "rule 1", "amount_ore"),
    "a rule known earlier": (
        "UPDATE rules SET known_at = known_at - interval '1 day' WHERE version = 1",
        "rule 1",
        "known_at",
    ),
    "a changed byte of a rule": (
        "UPDATE rules SET bytes = set_bit(bytes, 320, 1 - get_bit(bytes, 320)) WHERE version = 1",
        "rule 1",
        "hash",
    ),
    "a missing first rule": ("DELETE FROM rules WHERE version = 1", "rule 2", "version"),
    "a missing last rule": (
        "DELETE FROM rules WHERE version > 1",
        "checkpoint 1",
        "rules",
    ),
    "a changed root": (
        """
        UPDATE checkpoints
        SET bytes = regexp_replace(
          convert_from(bytes, 'UTF8'), '"merkle_root":"..', '"merkle_root":"00'
        )::BYTEA
        """,
        "checkpoint 1",
        "signature",
    ),
    "a missing checkpoint": (
        "DELETE FROM checkpoints WHERE checkpoint_no = 1",
        "checkpoint 2",
        "checkpoint_no",
    ),
    "another time of a checkpoint": (
        "UPDATE checkpoints SET taken_at = taken_at - interval '1 day' WHERE checkpoint_no = 2",
        "checkpoint 2",
        "taken_at",
    ),
    "another key of a checkpoint": (
        "UPDATE checkpoints SET key_id = (SELECT key_id FROM signing_keys WHERE key_no = 2)",
        "checkpoint 1",
        "key_id",
    ),
    "another public key": (
        "UPDATE signing_keys SET public_key = sha256(public_key) WHERE key_no = 2",
        "key {second_key}",
        "key_id",
    ),
    "another endorsement": (
        """
        UPDATE signing_keys
        SET endorsement = set_bit(endorsement, 0, 1 - get_bit(endorsement, 0))
        WHERE key_no = 2
        """,
        "key {second_key}",
        "endorsement",
    ),
    "a missing key": (
        "DELETE FROM signing_keys WHERE key_no = 1",
        "checkpoint 1",
        "key_id",
    ),
}

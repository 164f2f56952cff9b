"""A generated ledger put into PostgreSQL by COPY, as its tables would have it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import psycopg

from cli.replay_rules import first_instant
from tests.bench.audit_history import SCHEMA, rules

CARDS: Final = ("card_no", "citizen_id", "municipality_code", "valid_from", "benefit", "age_group")


def load(url: str, folder: Path) -> None:
    """Fill an empty ledger's tables from the generated files, oldest entries first."""
    with psycopg.connect(url) as connection:
        for path in sorted(folder.glob("journal-*.parquet")):
            part = pl.read_parquet(path).sort("journal_seq")
            for rows in part.iter_slices(100_000):
                copy_in(connection, "journal", tuple(SCHEMA), rows)
            counted = (len(part), part["partition"][0])
            connection.execute(
                "UPDATE ledger_partitions SET journal_seq = %s WHERE partition = %s", counted
            )
            issued = part.filter(pl.col("entry_no") == 1).select(
                *("card_no", "citizen_id", "municipality_code"),
                valid_from=pl.lit("2021-01-01"),
                benefit=pl.lit("none"),
                age_group=pl.lit("30-plus"),
            )
            copy_in(connection, "cards", CARDS, issued)
        for path in sorted(folder.glob("heads-*.parquet")):
            heads = pl.read_parquet(path).with_columns(
                partition=pl.lit(int(path.stem.split("-")[1])),
                recorded_at=pl.lit(first_instant("2025-12-01")),
                grants_version=pl.lit(1),
                payroll_version=pl.lit(0),
            )
            copy_in(connection, "citizens", heads.columns, heads)
        for path in sorted(folder.glob("balances-*.parquet")):
            balances = pl.read_parquet(path)
            copy_in(connection, "balances", balances.columns, balances)
        copy_in(connection, "rules", list(rules()[0]), pl.DataFrame(rules()))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def copy_in(
    connection: psycopg.Connection, table: str, columns: Sequence[str], rows: pl.DataFrame
) -> None:
    """Copy a frame into a table; texts hold neither tabs nor backslashes."""
    written = rows.select(columns).with_columns(
        pl.col(pl.Binary).bin.encode("hex").str.replace("^", "\\\\x")
    )
    text = written.write_csv(
        separator="\t", include_header=False, null_value="\\N", quote_style="never"
    )
    named = ", ".join(_names(columns))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({named}) FROM STDIN".encode()) as copy,
    ):
        copy.write(text)


def _names(columns: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in columns]

"""The journal as frames of columns, and each entry written again from its row. Pure.

An entry is written from its row's columns and from the little that no column repeats, which is
taken from its bytes. Where the outcome equals the bytes, they say what the columns say.
"""

from typing import Any, Final

import polars as pl

SHA256_DIGITS: Final = 64
COLUMNS: Final[dict[str, Any]] = {
    "citizen_id": pl.String,
    "entry_no": pl.Int64,
    "partition": pl.Int64,
    "hash": pl.Binary,
    "bytes": pl.String,
    "source_id": pl.String,
    "source_type": pl.String,
    "source_version": pl.Int64,
    "municipality_code": pl.String,
    "recorded_at": pl.String,
    "known_at": pl.String,
    "card_no": pl.String,
    "wage_id": pl.String,
    "year": pl.Int64,
    "paid_on": pl.String,
    "amount_ore": pl.Int64,
    "covered_ore": pl.Int64,
    "excess_ore": pl.Int64,
    "limit_ore": pl.Int64,
    "year_covered_ore": pl.Int64,
    "year_excess_ore": pl.Int64,
    "source_topic": pl.String,
}
HEADS: Final[dict[str, Any]] = {"citizen_id": pl.String, "entry_no": pl.Int64, "head": pl.Binary}
BALANCES: Final[dict[str, Any]] = {
    "citizen_id": pl.String,
    "year": pl.Int64,
    "covered_ore": pl.Int64,
    "excess_ore": pl.Int64,
    "entries": pl.Int64,
    "over_cap_ore": pl.Int64,
    "covered_to": pl.String,
}


def read_copy(content: bytes, columns: dict[str, Any]) -> pl.DataFrame:
    """Read what COPY wrote: hashes as hexadecimals, moments in UTC.

    A backslash that COPY wrote before another character stays: no entry that is beyond doubt
    has one.
    """
    if not content:
        return pl.DataFrame(schema=columns)
    texts = {name: pl.String if kind == pl.Binary else kind for name, kind in columns.items()}
    frame = pl.read_csv(
        content,
        separator="\t",
        quote_char=None,
        null_values="\\N",
        empty_string_is_null=False,
        has_header=False,
        schema=texts,
    )
    hashes = [name for name, kind in columns.items() if kind == pl.Binary]
    moments = [name for name in ("recorded_at", "known_at") if name in columns]
    return frame.with_columns(
        *(pl.col(name).str.decode("hex") for name in hashes),
        *(_moment(pl.col(name)).alias(name) for name in moments),
    )


def _moment(text: pl.Expr) -> pl.Expr:
    """Write PostgreSQL's moment as an entry does: `2023-05-01 10:00:00.5+00` with six decimals."""
    length = text.str.len_bytes().cast(pl.Int64)
    decimals = text.str.slice(20, (length - 23).clip(0)).str.pad_end(6, "0")
    return pl.concat_str(
        text.str.slice(0, 10),
        pl.lit("T"),
        text.str.slice(11, 8),
        pl.lit("."),
        decimals,
        pl.when(text.str.ends_with("+00")).then(pl.lit("Z")).otherwise(pl.lit("?")),
    )


def with_parts(rows: pl.DataFrame) -> pl.DataFrame:
    """Add what no column repeats, taken from the bytes, and each row's place in its chain."""
    text, citizen_id = pl.col("bytes"), pl.col("citizen_id")
    rows = rows.with_row_index("row").with_columns(
        begins=(citizen_id != citizen_id.shift(1)).fill_null(value=True),
        code_version=text.str.extract('"code_version":"([0-9A-Za-z.+-]+)",'),
        reason=text.str.extract('"reason":"([a-z-]+)","year":'),
        grants_version=text.str.extract(r'\],"grants_version":(0|[1-9][0-9]{0,14}),"known_at":'),
        rules_version=text.str.extract(',"rules_version":(0|[1-9][0-9]{0,14}),"source":'),
        after_sha256=_after_sha256(),
    )
    sha256_from = (_length("bytes") - _length("after_sha256") - SHA256_DIGITS).clip(0)
    rows = rows.with_columns(
        before_events=_before_events(), sha256=text.str.slice(sha256_from, SHA256_DIGITS)
    ).with_columns(after_payload=pl.concat_str(pl.lit(',"sha256":"'), "sha256", "after_sha256"))
    events_from = _length("before_events")
    events_to = text.str.find('],"grants_version":', literal=True).cast(pl.Int64)
    rows = rows.with_columns(
        events=text.str.slice(events_from, (events_to - events_from).clip(0))
    ).with_columns(before_payload=pl.concat_str("before_events", "events", _after_events()))
    payload_from = _length("before_payload")
    length = _length("bytes") - payload_from - _length("after_payload")
    return rows.drop("before_events", "after_sha256").with_columns(
        payload=pl.concat_str(text.str.slice(payload_from, (length - 1).clip(0)), pl.lit(","))
    )


def _length(name: str) -> pl.Expr:
    return pl.col(name).str.len_bytes().cast(pl.Int64)


def _before_events() -> pl.Expr:
    decision = pl.concat_str(
        pl.lit('"decision":{"covered_ore":'),
        "covered_ore",
        pl.lit(',"excess_ore":'),
        "excess_ore",
        pl.lit(',"reason":"'),
        "reason",
        pl.lit('","year":'),
        "year",
        pl.lit("},"),
    )
    return pl.concat_str(
        pl.lit('{"citizen_id":"'),
        "citizen_id",
        pl.lit('","code_version":"'),
        "code_version",
        pl.lit('",'),
        pl.when(pl.col("covered_ore").is_not_null()).then(decision).otherwise(pl.lit("")),
        pl.lit('"entry_no":'),
        "entry_no",
        pl.lit(',"events":['),
    )


def _after_events() -> pl.Expr:
    return pl.concat_str(
        pl.lit('],"grants_version":'),
        "grants_version",
        pl.lit(',"known_at":"'),
        "known_at",
        pl.lit('","municipality_code":"'),
        "municipality_code",
        pl.lit('","postings":['),
        pl.concat_str(
            _postings("available", "covered", "covered_ore"),
            _postings("employer", "excess", "excess_ore"),
            separator=",",
            ignore_nulls=True,
        ),
        pl.lit('],"recorded_at":"'),
        "recorded_at",
        pl.lit('","rules_version":'),
        "rules_version",
        pl.lit(',"source":{"id":"'),
        "source_id",
        pl.lit('","payload":'),
    )


def _postings(of: str, to: str, column: str) -> pl.Expr:
    """Write a pair of postings; none of an amount that is zero or not decided."""
    posted = pl.concat_str(
        pl.lit(f'{{"account":"{of}","amount_ore":'),
        -pl.col(column),
        pl.lit(',"year":'),
        "year",
        pl.lit(f'}},{{"account":"{to}","amount_ore":'),
        column,
        pl.lit(',"year":'),
        "year",
        pl.lit("}"),
    )
    return pl.when(pl.col(column) != 0).then(posted)


def _after_sha256() -> pl.Expr:
    return pl.concat_str(
        pl.lit('","type":"'),
        "source_type",
        pl.lit('","version":'),
        "source_version",
        pl.lit("}}"),
    )


def written_again() -> pl.Expr:
    """Write the whole entry: equal to its bytes, they are canonical but for payload and events."""
    payload = pl.concat_str(pl.col("payload").str.head(-1), pl.lit("}"))
    return pl.concat_str("before_payload", payload, "after_payload")

"""A file of one of the kinds to its rows: what can be judged here is judged here, all of it.

Opens one file and nothing else, and never writes a value to a log: files hold personal data.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cli.columns import column_of, columns_of, required_columns
from cli.rows import judge_row
from cli.textfile import FileUnreadable, Record, decode, records, separator_of
from frikort_contracts.imports import RowProblem, StagedRow
from frikort_contracts.requests import row_key
from frikort_contracts.types import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A good row: the line it starts on, its cells as in the file, and what it asks for."""

    line: int
    cells: dict[str, str]
    request: Request

    def staged(self) -> StagedRow:
        """Give the row as services take it in: values by field, absent ones left out."""
        values = self.request.model_dump(mode="json", exclude_none=True)
        return StagedRow(line=self.line, values=values)


@dataclass(slots=True, kw_only=True)
class ParsedFile:
    """What a file holds: `rows_total` counts its rows, good and bad, without the header."""

    kind: str
    rows_total: int = 0
    rows: list[FileRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)


def read_file(kind: str, path: Path) -> ParsedFile:
    """Read a file of this kind; what is wrong with it stands in its problems.

    Raises:
        OSError: the file cannot be opened.
    """
    return parse_file(kind, path.read_bytes())


def parse_file(kind: str, content: bytes) -> ParsedFile:
    """Read a file's content; a fault of the file or its header leaves no rows."""
    parsed = ParsedFile(kind=kind)
    try:
        text = decode(content)
    except FileUnreadable as refusal:
        parsed.problems.append(_problem(refusal.line, refusal.code, str(refusal)))
        return parsed
    all_records = records(text, separator_of(text))
    header = next(all_records, None)
    parsed.problems.extend(_judge_header(kind, header))
    if header is not None and not parsed.problems:
        _read_rows(parsed, header.cells, all_records)
    return parsed


def _read_rows(parsed: ParsedFile, header: tuple[str, ...], rest: Iterator[Record]) -> None:
    first_of_key: dict[str, FileRow] = {}
    for record in rest:
        parsed.rows_total += 1
        if problem := _judge_shape(record, len(header)):
            parsed.problems.append(problem)
            continue
        cells = dict(zip(header, record.cells, strict=True))
        judgement = judge_row(parsed.kind, line=record.line, cells=cells)
        parsed.problems.extend(judgement.problems)
        if judgement.request is None:
            continue
        row = FileRow(line=record.line, cells=cells, request=judgement.request)
        key = row_key(parsed.kind, row.request)
        first = row if key is None else first_of_key.setdefault(key, row)
        if (mismatch := _judge_repeat(first, row)) is None:
            parsed.rows.append(row)
        else:
            parsed.problems.append(mismatch)


def _judge_header(kind: str, header: Record | None) -> list[RowProblem]:
    """Check the header row; every column that is unknown, missing or repeated is named."""
    known = columns_of(kind)
    expected = f"{kind} has the columns {', '.join(known)}"
    if header is None:
        return [_problem(1, "header-missing", f"the file is empty; {expected}")]
    if header.fault is not None:
        return [_problem(header.line, "quote-unclosed", header.fault)]
    if len(header.cells) == 1:
        message = f"columns are separated by ; or by a comma; {expected}"
        return [_problem(header.line, "separator-unknown", message, value=header.cells[0])]
    problems = []
    for place, column in enumerate(header.cells):
        if not column:
            message = f"column {place + 1} has no name; does the line end with a separator?"
            problems.append(_problem(header.line, "column-unknown", message))
        elif column not in known:
            close = difflib.get_close_matches(column.lower(), known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            message = f"{hint}{expected}"
            problems.append(_header_problem(header.line, column, "column-unknown", message))
        elif column in header.cells[:place]:
            message = "each column stands in the header once"
            problems.append(_header_problem(header.line, column, "column-repeated", message))
    problems += [
        _header_problem(header.line, column, "column-missing", f"add the column {column}")
        for column in required_columns(kind)
        if column not in header.cells
    ]
    return problems


def _judge_shape(record: Record, width: int) -> RowProblem | None:
    """Check that a record has as many cells as the header."""
    if record.fault is not None:
        return _problem(record.line, "quote-unclosed", record.fault)
    if not any(record.cells):
        return _problem(record.line, "row-empty", "the row has no values: remove the line")
    found = len(record.cells)
    if found < width:
        message = f"the header names {width} columns, this row has {found}: add what is missing"
        return _problem(record.line, "cells-missing", message)
    if found > width:
        message = (
            f"the header names {width} columns, this row has {found}: "
            'put a value that holds the separator in "quotes"'
        )
        return _problem(record.line, "cells-extra", message)
    return None


def _judge_repeat(first: FileRow, row: FileRow) -> RowProblem | None:
    """Compare a row with the first of its key: the same again is fine, another content is not."""
    before, now = first.request.model_dump(), row.request.model_dump()
    field_name = next((name for name in now if now[name] != before[name]), None)
    if field_name is None:
        return None
    column = column_of(field_name)
    return RowProblem(
        line=row.line,
        column=column,
        value=row.cells.get(column) or None,
        code="idempotency-mismatch",
        message=(
            f"line {first.line} has the same key and another {column}: "
            "keep one of them, or give this row a key of its own"
        ),
    )


def _problem(line: int, code: str, message: str, *, value: str | None = None) -> RowProblem:
    return RowProblem(line=line, column=None, value=value, code=code, message=message)


def _header_problem(line: int, column: str, code: str, message: str) -> RowProblem:
    return RowProblem(line=line, column=column, value=None, code=code, message=message)

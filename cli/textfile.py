"""Bytes of a file to its records: encoding, separator, quoting, and the line each stands on.

Knows nothing of kinds and columns. Refuses a file whose encoding could mean two things.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SEPARATORS: Final = (";", ",")
RESTARTS_MAX: Final = 100
"""How often reading starts again behind a quote that was never closed."""

# Æ, Ø, Å, æ, ø, å and é as UTF-8 has them; in Windows-1252 these pairs would be "Ã†" and the like.
_DANISH_UTF_8: Final = re.compile(rb"\xc3[\x86\x98\x85\xa6\xb8\xa5\xa9]")


class FileUnreadable(Exception):  # noqa: N818 - a refusal is an answer, no error
    """The file as a whole cannot be read; `code` is stable, the message says what would help."""

    def __init__(self, code: str, message: str, *, line: int = 1) -> None:
        super().__init__(message)
        self.code = code
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The cells of one record, and the line of the file on which it starts, from 1.

    `fault` says why the record's quoting could not be read; then there are no cells.
    """

    line: int
    cells: tuple[str, ...]
    fault: str | None = None


def decode(content: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark, else Windows-1252.

    Raises:
        FileUnreadable: `encoding-unknown`: it is neither, or a mixture of both.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileUnreadable("encoding-unknown", "the file is UTF-16: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start + (len(codecs.BOM_UTF8) if _has_mark(content) else 0)
        if _has_mark(content) or _DANISH_UTF_8.search(content):
            raise FileUnreadable(
                "encoding-unknown",
                "the file is UTF-8 for the most part, but not on this line: save it as UTF-8",
                line=_line_at(content, at),
            ) from error
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise FileUnreadable(
            "encoding-unknown",
            "the file is neither UTF-8 nor Windows-1252: save it as UTF-8",
            line=_line_at(content, error.start),
        ) from error


def separator_of(text: str) -> str:
    """Tell the separator from the header: no column's name contains either."""
    header = next((line for line in io.StringIO(text) if line.strip()), "")
    return next((separator for separator in SEPARATORS if separator in header), SEPARATORS[0])


def records(text: str, separator: str) -> Iterator[Record]:
    """Split a text into its records; lines that are blank are left out, but counted.

    A quoted value may span lines. A record whose quoting is wrong is given with its fault, and
    reading starts again on the line below it, so that one stray quote does not hide the rest.
    """
    lines = list(io.StringIO(text, newline=""))
    start = 0
    for _ in range(RESTARTS_MAX):
        for record in _records_from(lines, start, separator):
            yield record
            if record.fault is not None:
                start = record.line
                break
        else:
            return


def _records_from(lines: list[str], start: int, separator: str) -> Iterator[Record]:
    """Split the lines behind the first `start`, up to and with the first faulty record."""
    reader = csv.reader(lines[start:], delimiter=separator, strict=True)
    while True:  # bounded by the lines: every turn takes at least one
        line = start + reader.line_num + 1
        try:
            cells = tuple(cell.strip() for cell in next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(line=line, cells=(), fault=_say_fault(error))
            return
        if any(cells) or len(cells) > 1:
            yield Record(line=line, cells=cells)


def _say_fault(error: csv.Error) -> str:
    if "expected after" in str(error):
        return 'after the closing " of a value the separator follows; write " inside it as ""'
    return 'a value opens with " on this line and is never closed; write " inside it as ""'


def _has_mark(content: bytes) -> bool:
    return content.startswith(codecs.BOM_UTF8)


def _line_at(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1

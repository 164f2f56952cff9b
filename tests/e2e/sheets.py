"""Files as municipal systems export them, written row by row; some rows have a flaw."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Row = Mapping[str, str]
Problem = tuple[int, str | None, str | None, str]
"""Line, column, value and code."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to be said of one value: its column, a code, and words of what would be right."""

    column: str | None
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Line:
    """A good row, what makes it bad, if anything, and what is to be said about that."""

    row: Row
    flaw: Row = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def written(self) -> Row:
        """The row as it stands in the bad file."""
        return {**self.row, **self.flaw}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file of one kind, its rows below the header; it can be written bad or corrected."""

    kind: str
    lines: tuple[Line, ...]
    encoding: str = "utf-8"
    separator: str = ";"

    @property
    def facts(self) -> int:
        """How many facts the corrected file tells: the same row twice is one."""
        return len({line.row.get("wage_ref") or tuple(line.row.values()) for line in self.lines})

    def bad(self, folder: Path) -> Path:
        """Write the file with its flaws."""
        return self._write(folder / f"{self.kind}-bad.csv", (line.written for line in self.lines))

    def corrected(self, folder: Path) -> Path:
        """Write the file without them."""
        return self._write(folder / f"{self.kind}-good.csv", (line.row for line in self.lines))

    def problems(self) -> list[Problem]:
        """List what is to be found in the bad file, by line, then by column."""
        return sorted(
            (
                (number, fault.column, self._value(line, fault), fault.code)
                for number, line in enumerate(self.lines, 2)
                for fault in line.faults
            ),
            key=str,
        )

    def advice(self) -> list[tuple[int, str, str]]:
        """List by line and code the words that are to be found in the messages."""
        return [
            (number, fault.code, fault.says)
            for number, line in enumerate(self.lines, 2)
            for fault in line.faults
        ]

    def without(self, code: str) -> "Sheet":
        """Give the file without the rows that have a fault of that code."""
        kept = (line for line in self.lines if all(fault.code != code for fault in line.faults))
        return Sheet(self.kind, tuple(kept), self.encoding, self.separator)

    @staticmethod
    def _value(line: Line, fault: Fault) -> str | None:
        return None if fault.column is None else line.written.get(fault.column) or None

    def _write(self, path: Path, rows: Iterable[Row]) -> Path:
        columns = dict.fromkeys(name for line in self.lines for name in line.row)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, delimiter=self.separator, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        path.write_bytes(text.getvalue().encode(self.encoding))
        return path

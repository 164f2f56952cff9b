"""A row's cells to its request: every bad value is named, not only the first.

Judges what the row alone can tell; the rest is the service's. The judge is the request model
itself, the same that the service asks, so the two cannot disagree.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cli.columns import (
    ALLOWED_VALUES,
    DATE_FIELDS,
    MOMENT_FIELDS,
    column_of,
    field_of,
    is_amount,
    request_type,
)
from cli.values import ValueRefused, parse_amount, parse_date, parse_moment
from frikort_contracts.imports import RowProblem
from frikort_contracts.types import Request

JUDGEMENTS_MAX: Final = 8
"""How often a row is put to its model, each time without the bad values found before."""

# What pydantic itself refuses, by its own name, as the code that we promise.
CODES: Final = {
    "missing": "value-missing",
    "string_too_short": "value-missing",
    "string_too_long": "value-too-long",
    "greater_than_equal": "amount-not-positive",
    "less_than_equal": "amount-too-large",
    "date_from_datetime_parsing": "date-format",
    "date_parsing": "date-format",
    "datetime_from_date_parsing": "time-format",
    "datetime_parsing": "time-format",
}
# Refusals that rest on several columns: the one that is named first, then the others.
RELATIONS: Final = {
    "change-unknown": ("change",),
    "effective-before-decided": ("effective_on", "decided_on"),
    "municipality-code-missing": ("municipality_code", "change"),
    "ends-before-start": ("ends_on", "starts_on"),
    "parts-exceed-amount": ("amount_kr", "holiday_pay_kr", "pension_kr"),
    "voucher-missing": ("voucher_ref", "payment_method"),
}
# Stand in for a bad value while the others are judged; no relation fails on account of them.
STAND_INS: Final[dict[str, str | int]] = {
    "card_no": "00000",
    "cvr": "13748136",
    "municipality_code": "751",
    "change": "reviewed",
    "benefit": "none",
    "age_group": "30-plus",
    "payment_method": "bank",
    "unsubsidised_attested": "true",
    "amount_ore": 1_000_000_000_000,
    "holiday_pay_ore": 0,
    "pension_ore": 0,
    **dict.fromkeys(sorted(DATE_FIELDS), "2023-01-02"),
    **dict.fromkeys(sorted(MOMENT_FIELDS), "2023-01-02"),
}
_STAND_IN_TEXT: Final = "x"
_HYPHENATED_CPR: Final = re.compile(r"[0-9]{6}-[0-9]{4}")


@dataclass(slots=True, kw_only=True)
class Judgement:
    """What came of a row: a request if it has no problems."""

    request: Request | None = None
    problems: list[RowProblem] = field(default_factory=list)


def judge_row(kind: str, *, line: int, cells: Mapping[str, str]) -> Judgement:
    """Judge a row of this kind, its cells by column; an empty cell counts as absent.

    Problems are given in the order of the columns.
    """
    judging = _Judging(kind=kind, line=line, cells=cells)
    judging.read_cells()
    request = judging.ask_model()
    if judging.problems:
        order = list(cells)
        judging.problems.sort(
            key=lambda each: order.index(each.column) if each.column in order else len(order)
        )
        return Judgement(problems=judging.problems)
    return Judgement(request=request)


@dataclass(slots=True, kw_only=True)
class _Judging:
    """One row being judged: values that stood the test so far, and columns that did not."""

    kind: str
    line: int
    cells: Mapping[str, str]
    values: dict[str, str | int] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    problems: list[RowProblem] = field(default_factory=list)

    def read_cells(self) -> None:
        """Read each cell that is not empty by its own notation."""
        for column, text in self.cells.items():
            if text:
                try:
                    self.values[field_of(column)] = _read_cell(field_of(column), text)
                except ValueRefused as refusal:
                    self._report(column, refusal.code, str(refusal))
                    self._stand_in(column)

    def ask_model(self) -> Request | None:
        """Put the row to its model until it finds nothing more, and give what it made."""
        model = request_type(self.kind)
        for _ in range(JUDGEMENTS_MAX):
            try:
                return model.model_validate(self.values)
            except ValidationError as error:
                taken = [self._take(detail) for detail in error.errors(include_url=False)]
                if not any(taken):
                    return None
        return None

    def _take(self, detail: ErrorDetails) -> bool:
        """Report one refusal of the model, and tell whether judging on can find more."""
        code, columns = detail["type"], RELATIONS.get(detail["type"], ())
        if detail["loc"]:
            columns = (column_of(str(detail["loc"][0])),)
        if not self.bad.intersection(columns):
            code, message = _say(detail, code, columns)
            self._report(columns[0] if columns else None, code, message)
        for column in columns:
            self._stand_in(column)
        return bool(columns)

    def _report(self, column: str | None, code: str, message: str) -> None:
        value = None if column is None else self.cells.get(column) or None
        self.problems.append(
            RowProblem(line=self.line, column=column, value=value, code=code, message=message)
        )

    def _stand_in(self, column: str) -> None:
        self.bad.add(column)
        name = field_of(column)
        self.values[name] = STAND_INS.get(name, _STAND_IN_TEXT)


def _read_cell(name: str, text: str) -> str | int:
    if not text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        _refuse_control_characters(text)
    if is_amount(name):
        return parse_amount(text)
    if name in DATE_FIELDS:
        return parse_date(text).isoformat()
    if name in MOMENT_FIELDS:
        return parse_moment(text)
    if name == "cpr" and _HYPHENATED_CPR.fullmatch(text):
        return text.replace("-", "")
    return text


def _refuse_control_characters(text: str) -> None:
    """Refuse what no database text can hold or no screen can show; other blanks are fine."""
    if any(ord(character) < ord(" ") and character not in "\n\r\t" for character in text):
        raise ValueRefused("control-character", "the value holds a control character: remove it")


def _say(detail: ErrorDetails, code: str, columns: tuple[str, ...]) -> tuple[str, str]:
    """Turn pydantic's own names and words into ours; what our types refuse is said already."""
    column = columns[0] if columns else ""
    if detail["type"] == "enum" or code == "change-unknown":
        allowed = ", ".join(ALLOWED_VALUES[column])
        return f"{column.replace('_', '-')}-unknown", f"{column} is one of {allowed}"
    if detail["type"] == "missing":
        return CODES["missing"], f"{column} is needed on every row"
    if "_" not in code and code not in CODES:
        return code, detail["msg"]
    bounds = detail.get("ctx", {})
    messages = {
        "value-too-long": f"{column} has at most {bounds.get('max_length')} characters",
        "amount-not-positive": "a part of a wage is 0 or more",
        "amount-too-large": "no amount is more than 10.000.000.000 kr",
    }
    code = CODES.get(code, code.replace("_", "-"))
    return code, messages.get(code, detail["msg"])

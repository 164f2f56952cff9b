"""Files as municipal systems export them: encodings, separators, quoting, headers, rows."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.columns import FileKind, optional_columns, required_columns
from cli.files import ParsedFile, parse_file
from frikort_contracts.imports import RowProblem
from frikort_contracts.requests import FILE_KINDS

GRANTS = "cpr;card_no;municipality_code;valid_from;decided_on;benefit;age_group"
GRANT = "6101801234;00042;751;2019-01-01;2019-01-01;kontanthjaelp;30-plus"
EMPLOYMENTS = "employment_ref;card_no;cvr;employer;sector;starts_on"
WAGES = "wage_ref;employment_ref;card_no;cvr;paid_on;amount_kr"
WAGE = "W1;E1;00042;13748136;2023-01-31;1.250,50"


def parse(kind: str, *lines: str, encoding: str = "utf-8", end: str = "\n") -> ParsedFile:
    return parse_file(kind, (end.join(lines) + end).encode(encoding))


def told(problems: list[RowProblem]) -> list[tuple[int, str | None, str | None, str]]:
    return [(each.line, each.column, each.value, each.code) for each in problems]


def values(parsed: ParsedFile) -> list[dict[str, object]]:
    assert parsed.problems == []
    return [dict(row.staged().values) for row in parsed.rows]


def test_columns_are_those_of_the_interfaces() -> None:
    assert set(required_columns("wages")) == set(WAGES.split(";"))
    assert set(optional_columns("wages")) == {
        "holiday_pay_kr",
        "pension_kr",
        "payment_method",
        "voucher_ref",
        "external_ref",
        "registered_at",
    }
    assert optional_columns("contacts") == ("language", "registered_at")
    assert {kind.value for kind in FileKind} == set(FILE_KINDS)
    assert all("registered_at" in optional_columns(kind) for kind in FILE_KINDS)


def test_wage_becomes_canonical_values_by_field() -> None:
    header = f"{WAGES};holiday_pay_kr;pension_kr;payment_method;voucher_ref;registered_at"

    parsed = parse("wages", header, f"{WAGE};100;0;cash;B7;31-01-2023")

    assert values(parsed) == [
        {
            "wage_ref": "W1",
            "employment_ref": "E1",
            "card_no": "00042",
            "cvr": "13748136",
            "paid_on": "2023-01-31",
            "amount_ore": 125_050,
            "holiday_pay_ore": 10_000,
            "pension_ore": 0,
            "payment_method": "cash",
            "voucher_ref": "B7",
            "registered_at": "2023-01-30T23:00:00.000000Z",
        }
    ]


def test_empty_cell_of_a_bracketed_column_is_absent() -> None:
    parsed = parse("wages", f"{WAGES};voucher_ref;registered_at", f"{WAGE}; ;")

    assert {"voucher_ref", "registered_at"}.isdisjoint(values(parsed)[0])


def test_cpr_with_hyphen_is_the_same_number() -> None:
    assert values(parse("grants", GRANTS, GRANT.replace("6101801234", "610180-1234"))) == values(
        parse("grants", GRANTS, GRANT)
    )


@pytest.mark.parametrize(
    "content",
    [
        "E1;00042;13748136;Bageri Ærø;cafe;2023-01-01".encode(),
        codecs.BOM_UTF8 + "E1;00042;13748136;Bageri Ærø;cafe;2023-01-01".encode(),
        "E1;00042;13748136;Bageri Ærø;cafe;2023-01-01".encode("cp1252"),
        'E1;00042;"13748136";"Bageri Ærø";"cafe";01-01-2023'.encode("cp1252"),
        "E1,00042,13748136,Bageri Ærø,cafe,2023-01-01".encode(),
        '"E1","00042","13748136","Bageri Ærø","cafe","01-01-2023"'.encode("cp1252"),
        " E1 ; 00042 ;13748136; Bageri Ærø ;\u00a0cafe ;2023-01-01".encode(),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_separators_and_quotes_mean_the_same(content: bytes, end: str) -> None:
    comma = b"," in content
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    header = EMPLOYMENTS.replace(";", ",") if comma else EMPLOYMENTS
    line_end = end.encode()

    parsed = parse_file(
        "employments",
        mark + header.encode() + line_end + content.removeprefix(mark) + line_end,
    )

    assert values(parsed) == [
        {
            "employment_ref": "E1",
            "card_no": "00042",
            "cvr": "13748136",
            "employer": "Bageri Ærø",
            "sector": "cafe",
            "starts_on": "2023-01-01",
        }
    ]


def test_windows_1252_holds_its_own_signs() -> None:
    parsed = parse(
        "employments",
        EMPLOYMENTS,
        "E1;00042;13748136;Café €\u2013Ås;cafe;2023-01-01",
        encoding="cp1252",
    )

    assert values(parsed)[0]["employer"] == "Café €\u2013Ås"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a;Ærø\nb;".encode() + b"\xe6\n", 2),
        (codecs.BOM_UTF8 + b"a;b\nc;d\ne;\xe6", 3),
        (b"a;b\n\x81", 2),
        ("a;b\n".encode("utf-16"), 1),
    ],
)
def test_encoding_that_could_mean_two_things_is_refused(content: bytes, line: int) -> None:
    parsed = parse_file("wages", content)

    assert told(parsed.problems) == [(line, None, None, "encoding-unknown")]


def test_lines_are_those_of_the_file_when_values_span_lines() -> None:
    parsed = parse(
        "wage-reversals",
        "wage_ref;reason;reversed_on",
        'W1;"two\nlines of ""reason""; really";2023-01-01',
        "",
        "W2;wrong;2023-02-30",
        "   ",
        "W3;right;2023-02-01",
        end="\r\n",
    )

    assert [row.line for row in parsed.rows] == [2, 7]
    assert parsed.rows[0].cells["reason"] == 'two\nlines of "reason"; really'
    assert told(parsed.problems) == [(5, "reversed_on", "2023-02-30", "date-format")]
    assert parsed.rows_total == 3


def test_quote_inside_an_unquoted_value_is_part_of_it() -> None:
    parsed = parse("employments", EMPLOYMENTS, 'E1;00042;13748136;Bar "Ro";bar;2023-01-01')

    assert values(parsed)[0]["employer"] == 'Bar "Ro"'


def test_stray_quote_hides_none_of_the_lines_below() -> None:
    parsed = parse(
        "wages",
        WAGES,
        WAGE.replace("W1", '"W1'),
        WAGE.replace("W1", "W2"),
        WAGE.replace("W1", '"W3"x'),
        WAGE.replace("W1", "W4").replace("13748136", "13748137"),
    )

    assert told(parsed.problems) == [
        (2, None, None, "quote-unclosed"),
        (4, None, None, "quote-unclosed"),
        (5, "cvr", "13748137", "cvr-check-digit"),
    ]
    assert [row.line for row in parsed.rows] == [3]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", [(1, None, "header-missing")]),
        ("wage_ref\tamount_kr", [(1, None, "separator-unknown")]),
        (WAGES.replace("cvr", "CVR"), [(1, "CVR", "column-unknown"), (1, "cvr", "column-missing")]),
        (f"{WAGES};wages", [(1, "wages", "column-unknown")]),
        (f"{WAGES};", [(1, None, "column-unknown")]),
        (f"{WAGES};amount_ore", [(1, "amount_ore", "column-unknown")]),
        (f"{WAGES};cvr", [(1, "cvr", "column-repeated")]),
        (
            "wage_ref;card_no;cvr;amount_kr",
            [(1, "employment_ref", "column-missing"), (1, "paid_on", "column-missing")],
        ),
    ],
)
def test_header_that_is_wrong_is_refused(
    header: str, expected: list[tuple[int, str | None, str]]
) -> None:
    parsed = parse("wages", header, WAGE if header else "")

    assert [(each.line, each.column, each.code) for each in parsed.problems] == expected
    assert parsed.rows == []


def test_unknown_column_is_told_what_was_meant() -> None:
    (problem, _) = parse("wages", WAGES.replace("paid_on", "paidon"), WAGE).problems

    assert problem.message.startswith("did you mean paid_on? ")


def test_bracketed_columns_stand_in_any_order() -> None:
    parsed = parse(
        "contacts", "registered_at,language,phone,card_no", "2023-01-01,,+4520123456,00042"
    )

    assert values(parsed)[0]["phone"] == "+4520123456"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("00042", "42"), ("card_no", "42", "card-no-format")),
        (("00042", ""), ("card_no", None, "value-missing")),
        (("13748136", "13748137"), ("cvr", "13748137", "cvr-check-digit")),
        (("13748136", "1374813"), ("cvr", "1374813", "cvr-format")),
        (("1.250,50", "-1.250,50"), ("amount_kr", "-1.250,50", "amount-not-positive")),
        (("1.250,50", "0"), ("amount_kr", "0", "amount-not-positive")),
        (("1.250,50", "1,250"), ("amount_kr", "1,250", "amount-ambiguous")),
        (("1.250,50", "1.250,50 kr"), ("amount_kr", "1.250,50 kr", "amount-format")),
        (("1.250,50", ""), ("amount_kr", None, "value-missing")),
        (("2023-01-31", "2023-02-29"), ("paid_on", "2023-02-29", "date-format")),
        (("2023-01-31", "31.01.2023"), ("paid_on", "31.01.2023", "date-format")),
        (("W1", "W" * 501), ("wage_ref", "W" * 501, "value-too-long")),
        (("W1", "W\x00"), ("wage_ref", "W\x00", "control-character")),
        (("1.250,50", "1250;extra"), (None, None, "cells-extra")),
        ((";1.250,50", ""), (None, None, "cells-missing")),
        ((WAGE, ";;;;;"), (None, None, "row-empty")),
    ],
)
def test_bad_wage_is_named(change: tuple[str, str], expected: tuple[str | None, ...]) -> None:
    parsed = parse("wages", WAGES, WAGE.replace("W1", "W0"), WAGE.replace(*change))

    assert told(parsed.problems) == [(3, *expected)]
    assert [row.line for row in parsed.rows] == [2]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("-1;;;;", ("holiday_pay_kr", "-1", "amount-not-positive")),
        (";20.000.000.000;;;", ("pension_kr", "20.000.000.000", "amount-too-large")),
        ("1.250,51;;;;", ("amount_kr", "1.250,50", "parts-exceed-amount")),
        (";;cheque;;", ("payment_method", "cheque", "payment-method-unknown")),
        (";;cash;;", ("voucher_ref", None, "voucher-missing")),
        (";;;;2023-01-31T10:00", ("registered_at", "2023-01-31T10:00", "time-without-offset")),
        (";;;;1685527200", ("registered_at", "1685527200", "date-format")),
    ],
)
def test_bad_bracketed_value_of_a_wage_is_named(
    cells: str, expected: tuple[str | None, ...]
) -> None:
    header = f"{WAGES};holiday_pay_kr;pension_kr;payment_method;voucher_ref;registered_at"

    parsed = parse("wages", header, f"{WAGE};{cells}")

    assert told(parsed.problems) == [(2, *expected)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("kontanthjaelp", "dagpenge"), ("benefit", "dagpenge", "benefit-unknown")),
        (("kontanthjaelp", "Kontanthjaelp"), ("benefit", "Kontanthjaelp", "benefit-unknown")),
        (("30-plus", "over-30"), ("age_group", "over-30", "age-group-unknown")),
        (("751", "75"), ("municipality_code", "75", "municipality-code-format")),
        (("6101801234", ""), ("cpr", None, "value-missing")),
    ],
)
def test_bad_grant_is_named(change: tuple[str, str], expected: tuple[str | None, ...]) -> None:
    parsed = parse("grants", GRANTS, GRANT.replace(*change))

    assert told(parsed.problems) == [(2, *expected)]


def test_unknown_value_is_told_what_is_known() -> None:
    (problem,) = parse("grants", GRANTS, GRANT.replace("30-plus", "x")).problems

    assert problem.message == "age_group is one of under-30, 30-plus"


def test_every_bad_value_of_every_bad_row_is_named_at_once() -> None:
    header = "card_no;change;effective_on;decided_on;municipality_code;registered_at"

    parsed = parse(
        "grant-changes",
        header,
        "1;closed;2023-01-01;2023-01-02;7510;2023-01-03T10:00",
        "00001;transferred;2019-01-02;2023-02-30;;",
        "00002;transferred;2023-01-03;2023-01-04;;",
    )

    assert told(parsed.problems) == [
        (2, "card_no", "1", "card-no-format"),
        (2, "change", "closed", "change-unknown"),
        (2, "effective_on", "2023-01-01", "effective-before-decided"),
        (2, "municipality_code", "7510", "municipality-code-format"),
        (2, "registered_at", "2023-01-03T10:00", "time-without-offset"),
        (3, "decided_on", "2023-02-30", "date-format"),
        (3, "municipality_code", None, "municipality-code-missing"),
        (4, "effective_on", "2023-01-03", "effective-before-decided"),
        (4, "municipality_code", None, "municipality-code-missing"),
    ]


def test_employment_that_ends_before_it_starts_is_refused() -> None:
    row = "E1;00042;13748136;Bar;bar;2023-01-02;2023-01-01"

    parsed = parse("employments", f"{EMPLOYMENTS};ends_on", row)

    assert told(parsed.problems) == [(2, "ends_on", "2023-01-01", "ends-before-start")]


def test_same_row_twice_is_a_repeat_however_it_is_written() -> None:
    again = WAGE.replace("2023-01-31", "31-01-2023").replace("1.250,50", "1250.5")

    parsed = parse("wages", WAGES, WAGE, again)

    assert values(parsed)[0] == values(parsed)[1]


def test_same_key_with_other_content_names_the_column_and_the_first_line() -> None:
    parsed = parse("wages", WAGES, WAGE, WAGE.replace("1.250,50", "1.250,51"))

    assert told(parsed.problems) == [(3, "amount_kr", "1.250,51", "idempotency-mismatch")]
    assert parsed.problems[0].message.startswith("line 2 has the same key and another amount_kr")


def test_contacts_of_one_card_replace_each_other() -> None:
    parsed = parse("contacts", "card_no;phone", "00042;+4520123456", "00042;+4520123457")

    assert len(values(parsed)) == 2


def test_file_with_a_header_alone_has_no_rows() -> None:
    parsed = parse("wages", WAGES)

    assert (parsed.rows_total, parsed.rows, parsed.problems) == (0, [], [])


@given(content=st.binary(max_size=400), header=st.sampled_from(["", WAGES + "\n"]))
def test_no_file_whatever_is_in_it_ends_in_a_traceback(content: bytes, header: str) -> None:
    parsed = parse_file("wages", header.encode() + content)

    lines_bad = {problem.line for problem in parsed.problems}
    assert len(parsed.rows) + len(lines_bad) >= min(parsed.rows_total, 1)


_CELLS = st.text(st.sampled_from('a0 ;,"\n\r-.æ\u00a0'), max_size=12)


@given(rows=st.lists(st.lists(_CELLS, min_size=6, max_size=6), max_size=5))
def test_no_row_is_lost_between_good_and_bad(rows: list[list[str]]) -> None:
    text = WAGES + "\n" + "".join(";".join(_quote(cell) for cell in row) + "\n" for row in rows)

    parsed = parse_file("wages", text.encode())

    assert parsed.rows_total == len(rows)
    assert len(parsed.rows) + len({problem.line for problem in parsed.problems}) == len(rows)


def _quote(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'

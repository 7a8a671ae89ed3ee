"""A CSV file that another program wrote comes back byte for byte, with cells added."""

import csv
import io

import pytest

from cmc_webhook.reading.csv_files import CsvFile, UnreadableFileError

ADDED = ["送信可", 'a,"b"', ""]


def opened(content, column=""):
    return CsvFile(io.BytesIO(content), column)


def widened(content, column=""):
    """Return what the file becomes if every row gets ADDED."""
    table = opened(content, column)
    return table.bom + b"".join(table.widened(row, ADDED) for row in table.rows())


def cells_of(content, encoding, delimiter=","):
    text = io.StringIO(content.decode(encoding), newline="")
    return [row for row in csv.reader(text, delimiter=delimiter) if row]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_every_form_comes_back_with_cells_added(encoding, delimiter, end):
    rows = [
        ["会員番号", "氏名", "メール", "メモ"],
        ["1", '"髙橋　""太郎"""', "taro@example.jp", f'"1行目{end}2{delimiter}行目"'],
        ["2", "㈱山田", '"-hana@example.jp"', " 空白 "],
        ["3", "", "=x@example.jp"],
        ["4", "", "", '""'],
    ]
    content = end.join(map(delimiter.join, rows)).encode(encoding)

    answer = widened(content)

    before, after = (cells_of(each, encoding, delimiter) for each in (content, answer))
    assert [row[:4] for row in after] == [row + [""] * (4 - len(row)) for row in before]
    assert {tuple(row[4:]) for row in after} == {tuple(ADDED)}
    for cell in (cell for row in rows for cell in row):
        assert cell.encode(encoding.removesuffix("-sig").replace("16", "16-le")) in answer
    assert opened(content).has_header
    assert [row.cell for row in opened(content).rows()][1:4] == [
        "taro@example.jp", "-hana@example.jp", "=x@example.jp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "odd",
    [
        b"\xee\xe0",  # a second code of a character
        b"\xfa\x58",
        b"\x8d",  # half of one, where a system has cut a text
        b"\x81\x40",  # a wide blank, whose second byte is that of @
        b"\xff\xfe",
    ],
)
def test_bytes_that_have_another_or_no_character_stay(odd):
    content = "氏名,メール\r\n".encode("cp932") + odd + b",a@example.jp\r\n" * 3

    answer = widened(content)

    assert answer.count(odd) == content.count(odd)
    assert len(answer.splitlines()) == len(content.splitlines())
    assert answer.startswith("氏名,メール,送信可".encode("cp932"))


def test_one_broken_character_does_not_change_the_encoding():
    lines = [f"{n},山田太郎,u{n}@example.jp\n".encode() for n in range(9)]
    lines[4] = lines[4].replace("郎".encode(), "郎".encode()[:2])

    answer = widened(b"".join(lines))

    assert answer.count("送信可".encode()) == len(lines)


@pytest.mark.parametrize(
    ("content", "column", "first"),
    [
        ("name,mail\nx,a@x.jp\n", "", "mail"),
        ("mail,other,mail2\na@x.jp,b@x.jp,\n,c@x.jp,d@x.jp\n", "", "other"),
        ("mail,other\na@x.jp,b@x.jp\n,c@x.jp\n", "mail", "mail"),
        ("\n\nname,mail\nx,a@x.jp\n", "", ""),
        ("a@x.jp,x\nb@x.jp,y\n", "", "a@x.jp"),
        ("氏名,mail\n東京　,a@x.jp\n京都　,\n", "", "mail"),
    ],
)
def test_the_column_is_the_named_one_or_that_with_most_addresses(content, column, first):
    table = opened(content.encode("cp932"), column)

    assert next(table.rows()).cell == first
    assert table.has_header == ("@" not in first)


def test_blank_lines_stay_blank_and_are_no_rows():
    content = b"mail\n\na@x.jp\n\n"

    assert opened(content).length == 2
    assert [line.count(b",") for line in widened(content).splitlines()] == [4, 0, 4, 0]


@pytest.mark.parametrize(
    ("content", "column", "key"),
    [
        (b"PK\x03\x04\x00\x00", "", "checked.not_csv"),
        (b'a,mail\n"x,a@x.jp\nb,b@x.jp\n', "", "checked.broken"),
        (b'a,mail\n"x"y,a@x.jp\n', "", "checked.broken"),
        (b"mail\na@x.jp\n" + b"x" * 200_000, "", "checked.broken"),
        (b"\xff\xfea", "", "checked.broken"),
        (b"name,mail\nx,y\n", "", "checked.no_addresses"),
        (b"", "", "checked.no_addresses"),
        (b"name,mail\nx,a@x.jp\n", "email", "checked.no_column"),
    ],
)
def test_what_cannot_be_read_is_refused(content, column, key):
    with pytest.raises(UnreadableFileError) as error:
        widened(content, column)

    assert error.value.key == key

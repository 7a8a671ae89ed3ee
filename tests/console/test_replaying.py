"""Processing data again on the page: what is left out, and why."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.odd_documents import ENTRY, store
from tests.support.records import make_record


@pytest.fixture
def entries(client):
    """An entry for each reason to leave one out, one of odd bytes, and a good one."""
    now = datetime.now(UTC)
    forged = make_record(created=(now - timedelta(days=5)).isoformat())
    content = json.dumps(make_record(subject="cafe")).encode().replace(b"cafe", b"caf\xe9")
    good = json.dumps(make_record(messageId="<good@example.com>"))
    found = {
        "a0": ENTRY | {"kind": None},
        "a1": ENTRY | {"content": 5},
        "a2": ENTRY | {"content": "no JSON"},
        "a3": ENTRY | {"truncated": True},
        "a4": ENTRY | {"content": json.dumps(forged), "received_at": now - timedelta(days=9)},
        "a5": ENTRY | {"content": content},
        "a6": ENTRY | {"content": good},
    }
    store(client, "mail_statuses_quarantine", found)


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            [
                "Processed 2 again. Stored: 2,",
                "kind, event_type or content is missing or not readable: 2.",
                "the content is not JSON: 1.",
                "the data was cut when it was stored: 1.",
                "more than 48 hours after the data was received",
                "Stored with U+FFFD in place of bytes that are not UTF-8: 1.",
            ],
        ),
        ("ja", ["2件を再処理しました。", "U+FFFDに置き換えて保存しました: 1件。"]),
    ],
)
def test_it_says_what_was_left_out_and_why(
    make_visit, function_url, entries, documents, language, sentences
):
    visit = make_visit(url=function_url)
    headers = {"Accept-Language": language}
    page = visit.get("/quarantine", headers=headers).text
    token = page.split('name="token" value="')[1].split('"')[0]

    replayed = visit.post("/quarantine/replay", data={"token": token}, headers=headers)

    assert replayed.status_code == 200
    for sentence in sentences:
        assert sentence in replayed.text
    assert {mail["subject"] for mail in documents().values()} == {"caf\ufffd", "件名"}

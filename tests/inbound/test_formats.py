"""Each format, posted to the function and read back field by field."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.mails import CMC, SENDGRID, cmc_json, cmc_multipart, file, sendgrid

SAMPLE = Path(__file__).parents[1] / "payloads" / "sendgrid-inbound.multipart"
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"

HEADER_FIELDS = {
    "from": {"address": "sender@example.org", "name": "山田"},
    "to": [
        {"address": "support@example.com", "name": "Support, first"},
        {"address": "second@example.com"},
    ],
    "cc": [{"address": "third@example.com"}],
    "reply_to": [{"address": "reply@example.org"}],
    "subject": "テスト",
    "date": datetime(2025, 4, 25, 6, 56, 19, tzinfo=UTC),
    "message_id": "<mail@example.org>",
    "in_reply_to": "<sent@example.com>",
    "references": ["<first@example.com>", "<sent@example.com>"],
    "status_of": "<sent@example.com>",
    "envelope_from": "sender@example.org",
    "envelope_to": ["support@example.com"],
    "headers": CMC["headers"],
    "schema_version": 1,
}


def without_times(document):
    assert document.pop("received_at").tzinfo
    return document


def stored(content, **told):
    """Return the entry of an attachment in the document, without its address."""
    return {**told, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def attachments(document, objects):
    """Return the entries of the attachments in *document*, and check each object."""
    found = []
    for attachment in document["attachments"]:
        content = objects()[attachment.pop("stored_at")]
        assert hashlib.sha256(content).hexdigest() == attachment["sha256"]
        found.append(attachment)
    return found


def post(inbound, body):
    answer = inbound.post("/", data=body)
    assert answer.json == {"received": 1, "stored": 1, "unchanged": 0, "quarantined": 0}


def test_the_sample_of_sendgrid(inbound, mails, objects):
    post(inbound, SAMPLE.read_bytes())

    [document] = mails()
    header = {field["name"]: field["value"] for field in document.pop("headers")}
    assert header["From"] == "=?UTF-8?B?5aSn5qCX5a6X?= <sender@example.com>"
    assert without_times(document) == {
        "provider": "sendgrid",
        "from": {"address": "sender@example.com", "name": "大栗宗"},
        "to": [{"address": "in@parse.example.com"}],
        "envelope_from": "sender@example.com",
        "envelope_to": ["in@parse.example.com"],
        "subject": "タイトルです",
        "date": datetime(2013, 9, 25, 9, 16, 53, tzinfo=UTC),
        "message_id": "<CAOgvZW5XuQfYQmYUDNndpCMWoxqY2aUpAKtSJnyzHvq5mLOyJw@mail.example.com>",
        "text": "本文です。\r\nあいうえお\r\nかきくけこ\r\n",
        "html": '<div dir="ltr"><div>本文です。</div><div>あいうえお</div><div>かきくけこ</div>\r\n'
        "</div>\r\n",
        "spf": "pass",
        "dkim": "{@example.com : pass}",
        "sender_ip": "223.27.116.84",
        "schema_version": 1,
    }
    assert objects() == {}


def test_sendgrid_with_attachments_and_spam_check(inbound, mails, objects):
    body = sendgrid(
        file(1, PNG, "a.png", "image/png"),
        file(2, b"%PDF", "見積書.pdf", "application/pdf"),
        file(3, b"plain", "x", "text/plain"),
        attachment_info='{"attachment1":{"filename":"写真.png","type":"image/png"},'
        '"attachment2":{"filename":"見積書.pdf","type":"application/pdf","content-id":"ii_2"}}',
        content_ids='{"ii_1":"attachment1"}',
        spam_score="2.597",
        spam_report="details",
    )
    post(inbound, body)

    [document] = mails()
    assert attachments(document, objects) == [
        stored(PNG, file_name="写真.png", content_type="image/png", content_id="ii_1"),
        stored(b"%PDF", file_name="見積書.pdf", content_type="application/pdf", content_id="ii_2"),
        stored(b"plain", file_name="x", content_type="text/plain"),
    ]
    del document["attachments"]
    assert without_times(document) == HEADER_FIELDS | {
        "provider": "sendgrid",
        "text": "本文",
        "spf": "pass",
        "dkim": "{@example.org : pass}",
        "spam_score": 2.597,
        "sender_ip": "192.0.2.1",
    }


def test_cmc_as_json(inbound, mails):
    post(inbound, cmc_json())

    [document] = mails()
    assert without_times(document) == HEADER_FIELDS | {
        "provider": "cmc",
        "filter": "support@example.com",
        "server_composition": "sandbox",
        "text": "テスト\r\n\r\n--\r\n署名",
        "html": '<div dir="ltr">テスト</div>',
    }


def test_null_is_nothing(inbound, mails):
    post(inbound, cmc_json(text=None, html=None, subject=None, attachments=None))

    assert mails()[0].keys().isdisjoint({"text", "html", "attachments_missing"})


def test_cmc_as_multipart_with_attachments(inbound, mails, objects):
    files = [
        file(1, PNG, "=?UTF-8?B?55S75YOPMS5qcGc=?=", "image/jpeg"),
        file(2, b"", "報告.pdf", "application/pdf"),
    ]
    post(inbound, cmc_multipart(*files, html=...))

    [document] = mails()
    assert attachments(document, objects) == [
        stored(PNG, file_name="画像1.jpg", content_type="image/jpeg"),
        stored(b"", file_name="報告.pdf", content_type="application/pdf"),
    ]
    del document["attachments"]
    assert without_times(document) == HEADER_FIELDS | {
        "provider": "cmc",
        "filter": "support@example.com",
        "server_composition": "sandbox",
        "text": "テスト\r\n\r\n--\r\n署名",
    }


RAW = "\r\n".join([
    "From: =?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <sender@example.org>",
    "Message-ID: <raw@example.org>",
    "Subject: raw",
    'Content-Type: multipart/mixed; boundary="outer"',
    "",
    "--outer",
    'Content-Type: multipart/alternative; boundary="inner"',
    "",
    "--inner",
    "Content-Type: text/plain; charset=iso-2022-jp",
    "",
    "\x1b$BK\\J8\x1b(B",
    "--inner",
    "Content-Type: text/html; charset=Shift_JIS",
    "Content-Transfer-Encoding: base64",
    "",
    "PHA+lnuVtodAPC9wPg==",  # <p>本文①</p>
    "--inner--",
    "--outer",
    "Content-Type: image/png; name*=UTF-8''%E5%86%99%E7%9C%9F.png",
    "Content-Disposition: attachment",
    "Content-ID: <ii_1>",
    "Content-Transfer-Encoding: base64",
    "",
    "iVBORw0KGgoA/w==",
    "--outer",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "second text",
    "--outer",
    "Content-Type: message/rfc822",
    "",
    "Message-ID: <inside@example.org>",
    "",
    "forwarded",
    "--outer--",
    "",
])  # fmt: skip


def test_sendgrid_in_raw_mode(inbound, mails, objects):
    body = sendgrid(email=RAW, headers=..., text=..., attachments=...)
    post(inbound, body)

    [document] = mails()
    assert objects()[document.pop("raw_stored_at")] == RAW.encode()
    assert attachments(document, objects) == [
        stored(PNG, file_name="写真.png", content_type="image/png", content_id="ii_1"),
        stored(b"Message-ID: <inside@example.org>\r\n\r\nforwarded", content_type="message/rfc822"),
    ]
    assert document["from"] == {"address": "sender@example.org", "name": "山田"}
    assert document["to"] == [{"address": "support@example.com"}]  # the header has none
    assert document["text"] == "本文\nsecond text"
    assert document["html"] == "<p>本文①</p>"
    assert document["subject"] == "raw"
    assert document["spf"] == "pass"


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/json", "", "x"])
def test_content_decides_not_the_header(inbound, mails, content_type):
    inbound.post("/", data=sendgrid(), content_type=content_type)
    inbound.post("/", data=cmc_json(headers=[]), content_type=content_type)

    assert {document["provider"] for document in mails()} == {"sendgrid", "cmc"}


def test_what_the_header_lacks_is_taken_from_the_fields(inbound, mails):
    post(inbound, sendgrid(headers="X: y\n", cc="a@example.com, 日本 <b@example.com>"))

    [document] = mails()
    assert document["from"] == {"address": "sender@example.org", "name": "山田"}
    assert document["cc"][1] == {"address": "b@example.com", "name": "日本"}
    assert document["subject"] == SENDGRID["subject"]


def test_attachments_that_were_announced_and_did_not_come_are_counted(inbound, mails):
    post(inbound, cmc_json(attachments=2))

    assert mails()[0]["attachments_missing"] == 2

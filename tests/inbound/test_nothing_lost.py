"""After authentication every post ends in a document or in quarantine, whatever fails."""

import json

import pytest

from tests.support.mails import HEADERS, cmc_json, cmc_multipart, file, raw, sendgrid

FOLDED = '"=?UTF-8?B?6KaL56mN\r\n 5pu4LnBkZg==?="'
FIELDS = {
    "sender": "from",
    "_subject": "subject",
    "headers.date": "date",
    "message_ids": "references",
    "_status_of": "status_of",
    "auto_submitted": "auto_submitted",
    "_number": "spam_score",
    "_missing": "attachments_missing",
    "_recipients": "envelope_to",
    "_header": "headers",
    "headers.readable_file_name": "attachments.file_name",
    "decode": "text",
}


def fail(*_args, **_more):
    raise TypeError("MARKER")


@pytest.mark.parametrize("function", FIELDS)
def test_a_field_that_cannot_be_read_costs_that_field(
    inbound, mails, objects, monkeypatch, function
):
    monkeypatch.setattr(f"cmc_webhook.inbound.document.{function}", fail)
    headers = f"Auto-Submitted: auto-replied\n{HEADERS}"
    body = sendgrid(file(1, b"x", "a.txt"), headers=headers, attachments="2", spam_score="1")

    assert inbound.post("/", data=body).json["stored"] == 1

    [found] = mails()
    lost = FIELDS[function]
    assert lost in found["unreadable_fields"]
    assert lost not in found
    assert objects()[found["attachments"][0]["stored_at"]] == b"x"
    assert found["cc"] == [{"address": "third@example.com"}]
    if lost == "text":
        assert objects()[found["text_stored_at"]] == "本文".encode()


@pytest.mark.parametrize(
    "place",
    [
        "cmc_webhook.inbound.webhook.read_parts",
        "cmc_webhook.inbound.webhook.read_mail",
        "cmc_webhook.inbound.sendgrid.read_mime",
        "cmc_webhook.inbound.document.message_id",
        "cmc_webhook.inbound.document._make_room",
        "cmc_webhook.codec.encode_document",
    ],
)
@pytest.mark.parametrize("error", [TypeError, RecursionError, MemoryError])
def test_a_mail_that_cannot_be_read_is_in_quarantine(
    inbound, mails, unreadable, objects, monkeypatch, capsys, place, error
):
    def fail_once(*_args, **_more):
        monkeypatch.undo()
        raise error("MARKER")

    monkeypatch.setattr(place, fail_once)
    body = raw(HEADERS + "\nx")

    answer = inbound.post("/", data=body)

    assert (answer.status_code, answer.json["quarantined"]) == (200, 1)
    assert mails() == []
    assert unreadable()[0]["why"] == "unreadable_mail"
    assert body in objects().values()
    captured = capsys.readouterr()
    line = json.loads(captured.out.splitlines()[-1])
    assert line["severity"] == "ERROR"
    assert line["detail"].startswith(f"{error.__name__} at ")
    assert "MARKER" not in captured.out + captured.err


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (
            raw(f"Content-Type: a/b\nContent-Disposition: attachment;\n filename={FOLDED}\n\nx"),
            "見積書.pdf",
        ),
        (sendgrid(file(1, b"x", FOLDED.strip('"'))), "見積書.pdf"),
        (cmc_multipart(file(1, b"x", FOLDED.strip('"'))), "見積書.pdf"),
        (
            sendgrid(file(1, b"x", "a"), attachment_info={"attachment1": {"filename": FOLDED}}),
            '"見積書.pdf"',
        ),
        (sendgrid(file(1, b"x", "a"), attachment_info={"attachment1": {"name": "n.pdf"}}), "n.pdf"),
        (sendgrid(file(1, b"x", "a"), attachment_info={"attachment1": {"filename": 5}}), "5"),
    ],
)
def test_a_folded_word_in_a_file_name(inbound, mails, body, name):
    assert inbound.post("/", data=body).json["stored"] == 1

    assert mails()[0]["attachments"][0]["file_name"] == name


@pytest.mark.parametrize(
    "body",
    [
        cmc_json(headers=[{"name": "Subject", "value": None}, {"name": 5, "value": [1]}]),
        cmc_json(headers=[{"name": "From", "value": "=?a?b?c?= <>"}, {"name": "", "value": ""}]),
        cmc_json(attachments=10**30),
        cmc_json(headers=[{"name": "Date", "value": "Fri, 25 Apr 2025 99:99:99 +9999"}]),
        sendgrid(headers="Date: Mon, 1 Jan 0001 00:00:00 +2359\nSubject: =?zip?b?AAAA?=\n"),
        sendgrid(envelope={"to": [{"a": 1}, None, 5], "from": {"b": [2]}}),
        sendgrid(charsets={"text": [1], "html": {"a": 1}}, content_ids={"a": [1]}),
        sendgrid(spam_score="1e999", attachments="٣"),
        sendgrid(headers=b"\xff\xfe\0: \xff\n\x80\n: x\n:\n"),
    ],
)
def test_odd_values_cost_no_mail(inbound, mails, body):
    answer = inbound.post("/", data=body)

    assert (answer.status_code, answer.json["stored"]) == (200, 1)
    assert "unreadable_fields" not in mails()[0]

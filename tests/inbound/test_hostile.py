"""Broken and hostile posts: never a 5xx, and no post of an accepted sender is lost."""

import io
import json
import zipfile

import pytest

from tests.support.mails import HEADERS, cmc_json, cmc_multipart, file, multipart, part, sendgrid
from tests.support.records import as_form, as_json, make_post, make_record

QUARANTINED = {"received": 1, "stored": 0, "unchanged": 0, "quarantined": 1}
GOOD = sendgrid(file(1, b"content", "a.txt"))

UNREADABLE = {
    "nothing": (b"", "unreadable_body"),
    "no format": (b"\x00\xff", "unknown_fields"),
    "cut JSON": (cmc_json()[:-5], "unreadable_body"),
    "deep JSON": (b'{"filter":' + b"[" * 100_000, "unreadable_body"),
    "a JSON list": (b"[]", "unknown_fields"),
    "another JSON": (b'{"a": 1}', "unknown_fields"),
    "another multipart": (multipart({"a": "b"}), "unknown_fields"),
    "cut in a part": (GOOD[:-40], "unreadable_multipart"),
    "cut in a part's header": (GOOD[:60], "unreadable_multipart"),
    "no boundary": (b"--\r\n" + GOOD.partition(b"\r\n")[2], "unreadable_body"),
    "a boundary that never comes": (b"--other\r\n" + GOOD, "unreadable_multipart"),
    "a thousand parts": (
        sendgrid(*(file(i, b"x%d" % i, f"{i}.txt") for i in range(1000))),
        "too_many_parts",
    ),
    "a thousand fields": (
        multipart({f"field{i}": "x" for i in range(1000)}),
        "too_many_parts",
    ),
    "CMC's headers no JSON": (cmc_multipart(headers="From: a"), "unreadable_headers"),
    "CMC's headers no list": (cmc_json(headers=5), "unreadable_headers"),
    "CMC's headers no objects": (cmc_json(headers=["From"]), "unreadable_headers"),
    "CMC's headers without value": (cmc_json(headers=[{"name": "a"}]), "unreadable_headers"),
    "an envelope that is no JSON": (sendgrid(envelope="{"), "unreadable_envelope"),
    "an envelope without recipients": (sendgrid(envelope="{}"), "unreadable_envelope"),
    "JSON longer than is parsed": (cmc_json(text="x" * 9_000_000), "too_long"),
    "a text that holds the boundary and a field": (
        sendgrid(text="x\r\n--xYzZY\r\n" + part("envelope", '{"to":["a@b"]}').decode()),
        "repeated_field",
    ),
    "a text that holds the end of the post": (
        sendgrid(
            text="x\r\n--xYzZY\r\n"
            + part("sender_ip", "192.0.2.9").decode()
            + "\r\n--xYzZY\r\n"
            + part("envelope", '{"to":["a@b"]}').decode()
            + "\r\n--xYzZY--"
        ),
        "unreadable_multipart",
    ),
    "a thousand parts in a raw mail": (
        sendgrid(
            headers=...,
            email="Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\n\r\nx\r\n" * 1000,
        ),
        "too_many_parts",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_200_and_its_bytes_are_kept(
    inbound, mails, unreadable, objects, case
):
    body, why = UNREADABLE[case]

    for _ in range(2):
        answer = inbound.post("/", data=body)
        assert (answer.status_code, answer.json) == (200, QUARANTINED)

    assert mails() == []
    [entry] = unreadable()
    assert (entry["kind"], entry["why"], entry["size"]) == ("body", why, len(body))
    assert objects() == {entry["stored_at"]: body}


@pytest.mark.parametrize("encode", [as_form, as_json])
def test_a_status_is_400_names_its_function_and_is_kept(inbound, unreadable, objects, encode):
    body, _ = encode(make_post([make_record()]))

    answer = inbound.post("/", data=body)

    assert answer.status_code == 400
    assert "cmc_webhook" in answer.json["error"]["message"]
    [entry] = unreadable()
    assert (entry["why"], objects()) == ("not_a_mail", {entry["stored_at"]: body})


@pytest.mark.parametrize("body", [cmc_json(), cmc_multipart(), sendgrid()])
def test_a_mail_at_the_status_function_is_400_and_names_its_function(function, quarantine, body):
    answer = function.post("/", data=body)

    assert answer.status_code == 400
    assert "cmc_inbound" in answer.json["error"]["message"]
    assert len(quarantine()) == 1


@pytest.mark.parametrize("to", ["(" * 60_000, "a:" * 30_000])
def test_a_recipient_that_is_none_is_whole_in_the_header(inbound, mails, to):
    answer = inbound.post("/", data=sendgrid(headers=f"From: a@example.org\nTo: {to}\n"))

    assert answer.json["stored"] == 1
    [mail] = mails()
    assert mail["to"] == [{"name": to[:256].rstrip(", ")}]
    assert mail["headers"][1]["value"] == to


@pytest.mark.parametrize(
    "email",
    [
        "\n" * 1_100_000,
        "Content-Type: message/rfc822\n\n" * 1_500 + "x",
        "Content-Type: a/b; name*=x; name*1*=y\n\nx",
        "Content-Type: text/plain; charset*=a\0b''x\n\nx",
        "".join(f"Content-Type: multipart/mixed; boundary={i}\n\n--{i}\n" for i in range(100)),
    ],
)
def test_an_odd_raw_mail_is_stored(inbound, mails, objects, email):
    assert inbound.post("/", data=sendgrid(headers=..., email=email)).json["stored"] == 1

    assert objects()[mails()[0]["raw_stored_at"]] == email.encode()


def test_a_zip_bomb_is_bytes_like_any_other(inbound, mails, objects):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(200_000_000))
    inbound.post("/", data=cmc_multipart(file(1, packed.getvalue(), "bomb.zip")))

    [attachment] = mails()[0]["attachments"]
    assert attachment["size"] < 1_000_000
    assert list(objects().values()) == [packed.getvalue()]


def test_script_and_remote_images_are_kept_as_text(inbound, mails):
    html = '<script>alert(1)</script><img src="https://evil.example/x.gif" onerror=x>'
    inbound.post("/", data=sendgrid(html=html))

    assert mails()[0]["html"] == html


def test_an_attachment_is_never_served_as_what_it_says_it_is(inbound, bucket):
    inbound.post("/", data=cmc_multipart(file(1, b"<script>", "a.html", "text/html")))

    [blob] = bucket.list_blobs()
    assert blob.content_type == "application/octet-stream"


@pytest.mark.parametrize("name", ["text", "html"])
@pytest.mark.parametrize("size", [100_000, 330_000, 400_000, 2_000_000])
def test_a_long_body_is_whole_in_the_document_or_in_the_bucket(inbound, mails, objects, name, size):
    text = "語" * size
    answer = inbound.post("/", data=sendgrid(**{"text": "short", name: text}))

    assert answer.json["stored"] == 1
    [document] = mails()
    assert (name in document) == (size < 333_000)
    kept = document[name].encode() if name in document else objects()[document[f"{name}_stored_at"]]
    assert kept == text.encode()


def test_a_long_body_is_kept_in_its_own_charset(inbound, mails, objects):
    body = ("語" * 400_000).encode("cp932")
    inbound.post("/", data=sendgrid(text=body, charsets={"text": "shift_jis"}))

    [document] = mails()
    assert document["text_charset"] == "shift_jis"
    assert objects()[document["text_stored_at"]] == body


def test_a_header_longer_than_any_server_takes_is_kept(inbound, mails, objects):
    headers = HEADERS + "".join(f"X-{i}: y\n" for i in range(150_000))
    inbound.post("/", data=sendgrid(headers=headers))

    [document] = mails()
    fields = json.loads(objects()[document["headers_stored_at"]])
    assert fields[-1]["value"].endswith("X-149999: y\n")
    assert document["message_id"] == "<mail@example.org>"


def test_headers_recipients_and_attachments_at_their_longest_fit(inbound, mails, objects):
    people = ", ".join(f'"{"n" * 400}" <{"a" * 300}{i}@example.com>' for i in range(300))
    lines = "".join(f"X-{i}: {'語' * 300}\n" for i in range(400))
    headers = f"{HEADERS}To: {people}\nCc: {people}\nReply-To: {people}\n{lines}"
    envelope = {"to": ["r" * 2000] * 1200, "from": "s" * 5000}
    files = [file(i, b"%d" % i, f"{i}" + "語" * 200, "t" * 400) for i in range(150)]
    body = sendgrid(
        *files, headers=headers, envelope=envelope, text="本" * 300_000, html="x" * 10**6
    )

    assert inbound.post("/", data=body).json["stored"] == 1

    [document] = mails()
    kept = objects()
    assert kept[document["text_stored_at"]].decode() == "本" * 300_000
    assert kept[document["html_stored_at"]].decode() == "x" * 10**6
    names = [field["name"] for field in json.loads(kept[document["headers_stored_at"]])]
    assert names[-1] == "X-399"
    assert len(document["attachments"]) == 150


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Fri, 25 Apr 99999 00:00:00 +0000", "Fri, 31 Dec 9999 23:59:59 -2359"]
)
def test_a_date_that_is_none_is_left_out(inbound, mails, date):
    headers = HEADERS.replace("Fri, 25 Apr 2025 15:56:19 +0900", date)
    inbound.post("/", data=sendgrid(headers=headers))

    assert "date" not in mails()[0]


def test_half_an_emoji_and_a_nul_are_replaced(inbound, mails):
    headers = [{"name": "Subject", "value": "a\ud83d\0"}, {"name": "\ud83d", "value": "x"}]
    body = cmc_json(headers=headers, text="b\ud83d\0", filter="\ud83d")

    assert inbound.post("/", data=body).json["stored"] == 1
    assert mails()[0]["subject"] == "a\ufffd\ufffd"


def test_a_broken_header_line_is_kept_and_what_follows_is_read(inbound, mails):
    headers = "From: a@example.com\nbroken\nSubject: 本\nno field\n"
    inbound.post("/", data=sendgrid(headers=headers, subject=...))

    [document] = mails()
    assert document["subject"] == "本"
    assert document["headers"][1:] == [
        {"name": "", "value": "broken"},
        {"name": "Subject", "value": "本"},
        {"name": "", "value": "no field\n"},
    ]


@pytest.mark.parametrize(
    "odd",
    [
        part("", b"x", '; filename="a"'),
        part("attachment1", b"x"),
        part("odd", b"x", '; filename="a"'),
        b'Content-Disposition: form-data; filename="a"\r\n\r\nx',
    ],
)
def test_every_file_is_an_attachment_whatever_its_part_is_called(inbound, mails, objects, odd):
    inbound.post("/", data=sendgrid(odd))

    [attachment] = mails()[0]["attachments"]
    assert objects()[attachment["stored_at"]] == b"x"


def test_what_firestore_refuses_is_quarantined(inbound, mails, unreadable, objects, monkeypatch):
    monkeypatch.setattr("cmc_webhook.inbound.document._LARGEST_DOCUMENT", 10**9)
    body = sendgrid(text="x" * 1_100_000)

    assert inbound.post("/", data=body).json == QUARANTINED
    assert [entry["why"] for entry in unreadable()] == ["refused_by_firestore"]
    assert body in objects().values()

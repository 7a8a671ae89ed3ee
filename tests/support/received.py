"""Received mails as people in Japan write them, by seed, and the posts in which they arrive."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from tests.support.mails import file, multipart

FORMS = ("CMC's JSON", "CMC's multipart", "SendGrid's multipart")
# The charset that a mail names, and Python's codec, which for Shift_JIS has what Windows added.
CODECS = {"UTF-8": "utf-8", "ISO-2022-JP": "iso2022_jp", "Shift_JIS": "cp932"}
# Name and address. Japanese carriers once allowed dots side by side.
WRITERS = (
    ("山田 太郎", "taro.yamada@example.co.jp"),
    ("髙橋 花子", "hanako@example.jp"),
    ("株式会社サンプル商事 購買部", "kobai@sample.example.co.jp"),
    ("佐藤", "sato..ichiro@docomo.example"),
    ("", "suzuki@softbank.example"),
    ("Kenji Watanabe", "kenji@example.org"),
)
READERS = (("お問い合わせ窓口", "support@inbound.example.com"), ("", "order@inbound.example.com"))
# Subject and text. What has a character beyond ISO-2022-JP is sent in another charset.
INQUIRIES = (
    ("お見積りのお願い", "見積書を添付いたします。\r\nご確認のほど、よろしくお願いいたします。"),
    ("【至急】注文番号4711の納期について", "納期をお知らせください。\r\n\r\n  注文番号: 4711"),
    ("資料請求(法人向けプラン)", "①料金表\r\n②導入事例\r\nの2点をお送りください。"),
    ("写真を送ります📷", "現場の写真です😊\r\nスマートフォンから送信"),
    ("Invoice for January", "Please find the details below.\r\n\r\nTotal: JPY 12,300"),
    ("Re: 5月号のお知らせ", "配信を停止してください。\r\n\r\n> 5月号のお知らせ"),
    ("", "件名のないメールです。"),
)
FILES = (
    ("見積書.pdf", "application/pdf"),
    ("注文一覧(1月).csv", "text/csv"),
    ("写真①.png", "image/png"),
)
# Characters of an encoded word, which has at most 75 bytes (RFC 2047, 2).
WORD = 12


def received_mail(form, number, rng):
    """Return what was written: the mail with this number."""
    sender, recipient = rng.choice(WRITERS), rng.choice(READERS)
    subject, text = rng.choice(INQUIRIES)
    text += f"\r\n\r\n--\r\n{sender[0] or sender[1]}\r\n"
    files = [] if form == "CMC's JSON" else rng.sample(FILES, rng.randint(0, len(FILES)))
    written = subject + text + sender[0] + recipient[0]
    return {
        "form": form,
        "charset": rng.choice([name for name in CODECS if fits(written, name)]),
        "message_id": f"<{number}@mail.example.org>",
        "written_at": datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC) + timedelta(minutes=number),
        "sender": sender,
        "recipient": recipient,
        "subject": subject,
        "text": text,
        "html": f"<p>{text}</p>" if rng.random() < 0.5 else "",
        "in_reply_to": "<sent@example.com>" if subject.startswith("Re:") else "",
        "files": [(name, kind, rng.randbytes(rng.randint(0, 5000))) for name, kind in files],
    }


def fits(text, charset):
    try:
        text.encode(CODECS[charset])
    except UnicodeEncodeError:
        return False
    return True


def received_post(mail):
    """Return the body of the post that brings *mail*."""
    if mail["form"] == "SendGrid's multipart":
        return multipart(sendgrid_fields(mail), *parts_of_files(mail))
    headers = [{"name": n, "value": v.replace("\n ", " ")} for n, v in headers_of(mail)]
    fields = {
        "filter": mail["recipient"][1],
        "server_composition": "simulator",
        "subject": mail["subject"],
        "envelope-from": mail["sender"][1],
        "envelope-to": mail["recipient"][1],
        "text": mail["text"],
        **({"html": mail["html"]} if mail["html"] else {}),
    }
    if mail["form"] == "CMC's JSON":
        return json.dumps(fields | {"headers": headers}, ensure_ascii=False).encode()
    escaped = json.dumps(headers).replace("<", r"\u003C").replace(">", r"\u003E")
    count = str(len(mail["files"]))
    return multipart(fields | {"headers": escaped, "attachments": count}, *parts_of_files(mail))


def sendgrid_fields(mail):
    bodies = {"text": mail["text"]} | ({"html": mail["html"]} if mail["html"] else {})
    charsets = {"to": "UTF-8", "from": "UTF-8", "subject": "UTF-8"}
    return {
        "headers": "".join(f"{name}: {value}\n" for name, value in headers_of(mail)),
        "to": readable(mail["recipient"]),
        "from": readable(mail["sender"]),
        "subject": mail["subject"],
        "sender_ip": "192.0.2.25",
        "SPF": "pass",
        "envelope": {"to": [mail["recipient"][1]], "from": mail["sender"][1]},
        "charsets": charsets | dict.fromkeys(bodies, mail["charset"].lower()),
        "attachments": str(len(mail["files"])),
        **{name: body.encode(CODECS[mail["charset"]]) for name, body in bodies.items()},
    }


def parts_of_files(mail):
    """Yield the attachments; of CMC's, published examples have encoded and bare names."""
    for number, (name, kind, content) in enumerate(mail["files"], 1):
        encoded = mail["form"] == "CMC's multipart" and number == 1
        shown = words(name, "UTF-8").replace("\n ", " ") if encoded else name
        yield file(number, content, shown, kind)


def headers_of(mail):
    """Yield the header of the mail as it came, long values folded."""
    at = format_datetime(mail["written_at"].astimezone(ZoneInfo("Asia/Tokyo")))
    yield "Received", f"from mail.example.org ([192.0.2.25])\n by mx.inbound.example.com; {at}"
    for name, (person, address) in (("From", mail["sender"]), ("To", mail["recipient"])):
        yield name, f"{words(person, mail['charset'])} <{address}>" if person else address
    if mail["subject"]:
        yield "Subject", words(mail["subject"], mail["charset"])
    yield "Date", at
    yield "Message-ID", mail["message_id"]
    if mail["in_reply_to"]:
        yield "In-Reply-To", mail["in_reply_to"]


def words(text, charset):
    """Return *text* as it stands in a header: encoded words of RFC 2047, a line each."""
    if text.isascii():
        return text
    pieces = (text[start : start + WORD] for start in range(0, len(text), WORD))
    encoded = (base64.b64encode(piece.encode(CODECS[charset])).decode() for piece in pieces)
    return "\n ".join(f"=?{charset}?B?{word}?=" for word in encoded)


def readable(person):
    return f"{person[0]} <{person[1]}>" if person[0] else person[1]


def expected_fields(mail):
    """Return what the document of *mail* must have; None is a field that must be absent."""
    cmc = mail["form"] != "SendGrid's multipart"
    people = [
        {"address": address} | ({"name": name} if name else {})
        for name, address in (mail["sender"], mail["recipient"])
    ]
    return {
        "provider": "cmc" if cmc else "sendgrid",
        "message_id": mail["message_id"],
        "from": people[0],
        "to": people[1:],
        "envelope_from": mail["sender"][1],
        "envelope_to": [mail["recipient"][1]],
        "subject": mail["subject"] or None,
        "date": mail["written_at"],
        "in_reply_to": mail["in_reply_to"] or None,
        "status_of": mail["in_reply_to"] or None,
        "text": mail["text"],
        "html": mail["html"] or None,
        "attachments": [
            (name, kind, len(content), hashlib.sha256(content).hexdigest())
            for name, kind, content in mail["files"]
        ],
        "attachments_missing": None,
        "server_composition": "simulator" if cmc else None,
        "filter": mail["recipient"][1] if cmc else None,
    }


def found_fields(document, names):
    """Return the fields of *document* with these names, in the form of expected_fields."""
    files = document.get("attachments", ())
    attachments = [
        tuple(each.get(n) for n in ("file_name", "content_type", "size", "sha256"))
        for each in files
    ]
    return {name: document.get(name) for name in names} | {"attachments": attachments}

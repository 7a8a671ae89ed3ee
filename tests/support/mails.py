"""Received mails as CMC and SendGrid post them: a good one by default, changed by keyword."""

import json

BOUNDARY = "xYzZY"
HEADERS = (
    "Received: from mx.example.org; Fri, 25 Apr 2025 15:56:26 +0900\n"
    "Received: by 192.0.2.9 with HTTP;\n Fri, 25 Apr 2025 15:56:20 +0900\n"
    "From: =?UTF-8?B?5bGx55Sw?= <sender@example.org>\n"
    'To: "Support, first" <support@example.com>, second@example.com\n'
    "Cc: third@example.com\n"
    "Reply-To: reply@example.org\n"
    "Date: Fri, 25 Apr 2025 15:56:19 +0900\n"
    "Message-ID: <mail@example.org>\n"
    "In-Reply-To: <sent@example.com>\n"
    "References: <first@example.com> <sent@example.com>\n"
    "Subject: =?UTF-8?B?44OG44K544OI?=\n"
)
SENDGRID = {
    "headers": HEADERS,
    "dkim": "{@example.org : pass}",
    "to": "support@example.com",
    "from": "山田 <sender@example.org>",
    "subject": "テスト",
    "text": "本文",
    "sender_ip": "192.0.2.1",
    "envelope": '{"to":["support@example.com"],"from":"sender@example.org"}',
    "attachments": "0",
    "charsets": '{"to":"UTF-8","subject":"UTF-8","from":"UTF-8","text":"UTF-8"}',
    "SPF": "pass",
}
CMC = {
    "filter": "support@example.com",
    "server_composition": "sandbox",
    "headers": [
        {"name": name, "value": value}
        for name, value in (
            line.split(": ", 1) for line in HEADERS.replace("\n ", " ").splitlines()
        )
    ],
    "subject": "テスト",
    "envelope-from": "sender@example.org",
    "envelope-to": "support@example.com",
    "text": "テスト\r\n\r\n--\r\n署名",
    "html": '<div dir="ltr">テスト</div>',
}


HYPHENATED = {"envelope_from", "envelope_to", "attachment_info", "content_ids"}


def changed(post, **changes):
    """Return the fields of *post* with *changes*; a field set to ... is left out."""
    named = {n.replace("_", "-") if n in HYPHENATED else n: v for n, v in changes.items()}
    return {name: value for name, value in {**post, **named}.items() if value is not ...}


def part(name, content, disposition="", content_type=""):
    """Return one part, *disposition* as it follows the name, in bytes if need be."""
    content, disposition = (
        value.encode() if isinstance(value, str) else value for value in (content, disposition)
    )
    head = b'Content-Disposition: form-data; name="%b"%b\r\n' % (name.encode(), disposition)
    if content_type:
        head += f"Content-Type: {content_type}\r\n".encode()
    return head + b"\r\n" + content


def multipart(fields, *files):
    """Return the body of *fields* and of *files*, which are parts."""
    values = {n: v if isinstance(v, str | bytes) else json.dumps(v) for n, v in fields.items()}
    parts = [*(part(name, value) for name, value in values.items()), *files]
    delimiter = f"--{BOUNDARY}".encode()
    return b"".join(delimiter + b"\r\n" + p + b"\r\n" for p in parts) + delimiter + b"--\r\n"


def file(number, content, name, content_type="application/octet-stream"):
    """Return the part of an attachment whose file name is *name*, bytes or text as it stands."""
    name = name.encode() if isinstance(name, str) else name
    return part(f"attachment{number}", content, b'; filename="%b"' % name, content_type)


def sendgrid(*files, **changes):
    count = {"attachments": str(len(files))}
    return multipart(changed(SENDGRID, **{**count, **changes}), *files)


def cmc_json(**changes):
    return json.dumps(changed(CMC, **changes)).encode()


def cmc_multipart(*files, **changes):
    return multipart(changed(CMC, attachments=str(len(files)), **changes), *files)


def raw(email, **changes):
    """Return the post of a whole mail; *email* is text or bytes."""
    return sendgrid(headers=..., text=..., subject=..., to=..., email=email, **changes)


def mixed(*parts, kind="mixed", head=""):
    """Return a mail of *parts* (header and content), in bytes, with CRLF."""
    lines = [f'{head}Content-Type: multipart/{kind}; boundary="b"', ""]
    content = "\n".join(lines).replace("\n", "\r\n").encode()
    for each in parts:
        each = each.replace("\n", "\r\n").encode() if isinstance(each, str) else each
        content += b"\r\n--b\r\n" + each
    return content + b"\r\n--b--\r\n"

"""Whole mails, however they are built: every text, every file byte for byte, whose mail it is."""

import base64
import quopri
from datetime import UTC, datetime

import pytest

from tests.support.mails import mixed, raw

PDF = b"%PDF-1.4\x00\xff\r\n"
PDF_BASE64 = base64.b64encode(PDF).decode()
PICTURE = (
    "Content-Type: image/jpeg; name=a.jpg\nContent-Disposition: inline\n"
    "Content-Transfer-Encoding: base64\n\n/9j/"
)
# Bytes that a parser would write anew: folding, blanks, LF beside CRLF, a signature of them.
FORWARDED = (
    b"Subject:   two  blanks\r\nX-Long: a\r\n\t  b\r\nMessage-ID: <sent@example.com>\n"
    b"DKIM-Signature: v=1;\r\n bh=x\r\n\r\ntext \r\nmore\n\n"
)
PLAIN = "Content-Type: text/plain\n\n"


@pytest.fixture
def keep(inbound, mails, objects):
    """Post a whole mail; return its document, and the content and name of each attachment."""

    def post(email):
        answer = inbound.post("/", data=raw(email))
        assert answer.json == {"received": 1, "stored": 1, "unchanged": 0, "quarantined": 0}
        [document] = mails()
        stored = objects()
        files = [
            (stored[file["stored_at"]], file.get("file_name"))
            for file in document.get("attachments", [])
        ]
        return document, files

    return post


@pytest.mark.parametrize(
    ("email", "text", "files"),
    [
        (
            mixed("\nwithout a header", "Content-Type: application/pdf; name=a.pdf\n\nPDF"),
            "without a header",
            [(b"PDF", "a.pdf")],
        ),
        (
            mixed("without a blank line", PICTURE),
            "without a blank line",
            [(b"\xff\xd8\xff", "a.jpg")],
        ),
        (mixed(PLAIN + "first", PICTURE, PLAIN + "last\n"), "first\nlast\r\n", 1),
        (mixed(PLAIN + "one\n", PLAIN, PLAIN + "two"), "one\r\ntwo", 0),
        (
            mixed(
                b"Content-Type: text/plain; charset=shift_jis\n\n" + "表".encode("cp932"),
                b"Content-Type: text/plain; charset=euc-jp\n\n" + "裏".encode("euc-jp"),
            ),
            "表\n裏",
            0,
        ),
        (
            mixed(PLAIN + "chosen", PLAIN + "other", kind="alternative"),
            "chosen",
            [(b"other", None)],
        ),
        (mixed(PLAIN + "cut off")[:-9], "cut off", 0),
        (mixed(PLAIN + "text").replace(b"\r\n", b"\n"), "text", 0),
        (mixed(PLAIN + "text").replace(b"\r\n", b"\r"), "text", 0),
        (mixed(PLAIN + "text").replace(b'; boundary="b"', b""), "text", 0),
        (mixed(PLAIN + "text").replace(b'"b"', b'"wrong"'), "text", 0),
        (mixed(PLAIN + "text", kind="mixed").replace(b"mixed;", b"related; type=x ;"), "text", 0),
        (
            mixed("Content-Type: multipart/alternative; boundary=b\n", PLAIN + "same boundary"),
            "same boundary",
            0,
        ),
        (
            mixed(PLAIN + "in", PICTURE).replace(
                b"--b--", b"--b--\r\n--b\r\n\r\nafter the end\r\n--b--"
            ),
            "in\nafter the end",
            1,
        ),
        ("Content-Type: multipart/mixed\n\nno part at all", "no part at all", 0),
        ("Content-Type: text/plain; name=n.txt\n\nnamed", "named", [(b"named", "n.txt")]),
        (
            mixed(PLAIN + "body", "Content-Type: text/plain; name=n.txt\n\nnamed"),
            "body",
            [(b"named", "n.txt")],
        ),
        (
            mixed(
                PLAIN + "body", "Content-Type: text/plain\nContent-Disposition: attachment\n\nfile"
            ),
            "body",
            [(b"file", None)],
        ),
        (mixed("Content-Type: message/rfc822\n\n" + PLAIN + "shown"), "shown", 1),
        (
            mixed(f"Content-Type: message/rfc822\nContent-Disposition: attachment\n\n{PLAIN}x"),
            None,
            1,
        ),
        ("Content-Type: nonsense\n\ntext", "text", 0),
        ("Content-Type: text/plain charset=utf-8\n\n本", "本", 0),
        (" From: a@example.org\nSubject: x\n\ntext", "text", 0),
        ("Subject: x\nno blank line before the text", "no blank line before the text", 0),
        ("no header at all", "no header at all", 0),
    ],
)
def test_every_text_is_read(keep, email, text, files):
    document, kept = keep(email)

    assert document.get("text") == text
    assert (len(kept) if isinstance(files, int) else kept) == files


def test_every_html_is_read(keep):
    document, _ = keep(
        mixed("Content-Type: text/html\n\n<p>1</p>", PICTURE, "Content-Type: text/html\n\n<p>2</p>")
    )

    assert document["html"] == "<p>1</p>\n<p>2</p>"


def test_two_mails_that_differ_in_a_text_without_header_are_two_documents(inbound, mails):
    for text in ("one", "two"):
        inbound.post("/", data=raw(mixed(f"\n{text}", head="Message-ID: <same@example.org>\n")))

    assert sorted(mail["text"] for mail in mails()) == ["one", "two"]


@pytest.mark.parametrize(
    "encoding",
    [
        "base64 ",
        "base64;",
        '"base64"',
        "(comment) base64",
        "base64 (comment)",
        "BASE64",
        "\n base64",
    ],
)
def test_the_first_word_of_a_transfer_encoding_counts(keep, encoding):
    head = f"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: {encoding}\n\n"

    assert keep(mixed(head + PDF_BASE64))[1] == [(PDF, "a.pdf")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (base64.b64encode("世界".encode()).decode() + "\nA", "世界"),
        (base64.b64encode(b"one!").decode() + "\n" + base64.b64encode(b"two").decode(), "one!two"),
        (
            base64.b64encode(b"text").decode() + "\n-- \na list's footer",
            "text\n-- \r\na list's footer",
        ),
        (base64.b64encode(b"text").decode() + " more words", "text\n more words"),
        (base64.b64encode(b"text!!").decode() + "\nplain words", "text!!\nplain words"),
        ("not encoded at all", "not encoded at all"),
        ("Hello!", "Hello!"),
        ("", None),
    ],
)
def test_base64_is_decoded_as_far_as_it_goes(keep, content, expected):
    head = "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"

    assert keep(mixed(head + content))[0].get("text") == expected


def test_a_uuencoded_file_is_decoded(keep):
    head = "Content-Type: a/b; name=a\nContent-Transfer-Encoding: x-uuencode\n\n"

    assert keep(mixed(head + "begin 644 a\n#0V%T\n`\nend"))[1] == [(b"Cat", "a")]


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("7bit", bytes), ("base64", base64.encodebytes), ("quoted-printable", quopri.encodestring)],
)
@pytest.mark.parametrize("kind", ["message/rfc822", "message/global"])
def test_an_attached_mail_is_the_bytes_that_were_sent(keep, encoding, encode, kind):
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    document, files = keep(mixed("\nsee below", head.encode() + encode(FORWARDED)))

    assert document["status_of"] == "<sent@example.com>"
    if encoding != "quoted-printable":  # which does not say which line ends there were
        assert files == [(FORWARDED, None)]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("message/rfc822", FORWARDED),
        ("message/global", FORWARDED),
        ("message/global-headers", FORWARDED),
        ("message/rfc822-headers", FORWARDED),
        ("TEXT/RFC822-Headers; charset=us-ascii", FORWARDED),
        ("message/rfc822", b"\r\n" + FORWARDED),
    ],
)
def test_a_bounce_of_each_kind_names_its_mail(keep, kind, content):
    returned = f"Content-Type: {kind}\r\n\r\n".encode() + content
    status = "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@example.jp"

    assert keep(mixed("\nfailed", status, returned, kind="report"))[0]["status_of"] == (
        "<sent@example.com>"
    )


@pytest.mark.parametrize("quote", ["", "> ", "  "])
def test_a_bounce_that_quotes_the_header_in_its_text_names_its_mail(keep, quote):
    text = f"Unknown user\n\n{quote}From: a@example.com\n{quote}Message-Id: <sent@example.com>\n"

    assert keep(f"From: <MAILER-DAEMON@example.jp>\n\n{text}")[0]["status_of"] == (
        "<sent@example.com>"
    )


def test_a_message_id_in_the_text_of_a_person_means_nothing(keep):
    email = "From: a@example.org\n\nMessage-ID: <sent@example.com>\n"

    assert "status_of" not in keep(email)[0]


def test_a_parameter_that_is_not_indented_belongs_to_its_field(keep):
    part = (
        'Content-Type: application/zip; x=1;\nname="a.zip"\n'
        "Content-Transfer-Encoding: base64\n\nUEsDBA=="
    )

    assert keep(mixed(part))[1] == [(b"PK\x03\x04", "a.zip")]


def test_a_line_that_is_no_field_does_not_end_the_header(keep):
    document, _ = keep("From: a@example.org\nnonsense\nSubject: x\n\ntext")

    assert (document["subject"], document["text"]) == ("x", "text")


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        ("filename=\"____.pdf\"; filename*=UTF-8''%E8%A6%8B%E7%A9%8D.pdf", "見積.pdf"),
        ("filename*=UTF-8''%E8%A6%8B.pdf; filename=x.pdf", "見.pdf"),
        ('filename="=?UTF-8?B?6KaL\n 56mN?="', "見積"),
        ('filename="=?UTF-8?Q?a?b?="', "a?b"),
        ("filename=two words.pdf", "two words.pdf"),
        ('filename="a\\"b;c.pdf"', 'a"b;c.pdf'),
        ("filename*0=a; filename*1=b.pdf", "ab.pdf"),
        ("filename*=x; filename*1*=y", "x"),
        ('filename="a\tb.pdf"', "a b.pdf"),
    ],
)
def test_file_names(keep, disposition, expected):
    head = f"Content-Type: a/b\nContent-Disposition: attachment; {disposition}\n\nx"

    assert keep(mixed(head))[1] == [(b"x", expected)]


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("JST", 14),
        ("jst", 14),
        ("KST", 14),
        ("+0900 (JST)", 14),
        ("EST", 4),
        ("CEST", 21),
        ("CET", 22),
        ("GMT", 23),
        ("Nowhere", 23),
    ],
)
def test_a_date_in_a_zone_by_name(keep, date, hour):
    document, _ = keep(f"Date: Thu, 24 Apr 2025 23:34:45 {date}\n\nx")

    assert document["date"] == datetime(2025, 4, 25 if hour == 4 else 24, hour, 34, 45, tzinfo=UTC)


def test_fields_of_one_line_have_one_line(keep):
    bad = "=?utf-8?B?YQ0KQmNjOiB4QGV4YW1wbGUub3Jn?="  # a, CR LF, Bcc: x@example.org
    document, _ = keep(
        f"From: {bad} <a@example.org>\nTo: {bad} <b@example.org>\nSubject: {bad}\n"
        f"Content-Type: a/b\nContent-Disposition: attachment; filename={bad}\n\nx"
    )

    expected = "a Bcc: x@example.org"
    assert document["subject"] == expected
    assert document["from"]["name"] == document["to"][0]["name"] == expected
    assert document["attachments"][0]["file_name"] == expected

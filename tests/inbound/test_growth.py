"""Reading a mail takes time and memory in proportion to its length, whatever it contains."""

import contextlib
import tracemalloc

import pytest

from cmc_webhook.inbound.document import mail_document
from cmc_webhook.inbound.mail import UnreadableMail
from cmc_webhook.inbound.parts import read_parts
from cmc_webhook.inbound.providers import read_mail
from tests.support.growth import assert_linear
from tests.support.mails import cmc_json, cmc_multipart, file, part, sendgrid

PIECES = ("a", "<", "a@", '"', "(", "\\", "=?", "=?a?b?", "=?a?b?x?=", "=?a?b?x?= ", "a,", ":")
PARAMETERS = (";", "; ", ";a=b", "; a*1*=x", ';"', '\\";', "; filename=a", "=?a?b?x?=", "'")


def raw(mail):
    return sendgrid(headers=..., email=mail)


FILLING = {
    "addresses": raw(("To: " + "a@b," * 12_000 + "\n") * 30 + "\nx"),
    "addresses with names": raw(("To: " + "=?a?q?x?= <a@b>," * 3_000 + "\n") * 30 + "\nx"),
    "EUC-JP": sendgrid(text=b"\xad\xa1a" * 50_000, charsets={"text": "euc-jp"}),
    "EUC-JP in a field": sendgrid(subject=b"\xad\xa1a" * 50_000, headers=...),
    "parts": raw("Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\n" * 200_000),
    "lines of a header": raw("a:\n" * 400_000),
    "lines of a part's header": raw(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + "a:\n" * 400_000
    ),
    "lines of the header of a part of the post": sendgrid(part("a", "\n" + "a:\n" * 400_000)),
    "parameters of a part of the post": sendgrid(part("a", "x", "; a=b" * 300_000)),
    "parameters of CMC's part": cmc_multipart(part("a", "x", "; filename*1=b" * 100_000)),
    "CMC's headers": cmc_json(headers=[{"name": "a", "value": ""}] * 50_000),
    "base64 in pieces": raw("Content-Transfer-Encoding: base64\n\n" + "QQ==" * 300_000),
    "delimiters": raw("Content-Type: multipart/mixed; boundary=b\n\n" + "--b" * 500_000),
    "reports": raw("Content-Type: message/delivery-status\n\n" + "a:b\n\n" * 200_000),
}


def keep(body):
    with contextlib.suppress(UnreadableMail):
        mail_document(read_mail(read_parts(body)), "bucket")


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_header(piece, scale):
    def mail(size):
        value = piece * (size // 4 // len(piece))
        names = ("From", "To", "Subject", "References")
        return sendgrid(headers="".join(f"{name}: {value}\n" for name in names))

    assert_linear(keep, mail, int(64 * 1024 * scale))


@pytest.mark.parametrize("piece", PARAMETERS)
def test_a_long_header_of_a_part_in_a_raw_mail(piece, scale):
    def mail(size):
        value = piece * (size // 2 // len(piece))
        head = f"Content-Type: text/plain; {value}\nContent-Disposition: attachment; {value}\n"
        return sendgrid(headers=..., email=f"{head}\nx")

    assert_linear(keep, mail, int(256 * 1024 * scale))


@pytest.mark.parametrize("piece", PARAMETERS)
def test_long_file_names(piece, scale):
    def mail(size):
        return sendgrid(*(file(n, b"x", piece * (size // 50 // len(piece))) for n in range(50)))

    assert_linear(keep, mail, int(512 * 1024 * scale))


@pytest.mark.parametrize(
    "piece", ["a\n", "a:\n", " \n", "\n ", "a", "=", "A=", "A= ", "=\n", "--b", "--b\n"]
)
@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable", "x-uuencode"])
def test_a_long_part_in_a_raw_mail(piece, encoding):
    def mail(size):
        content = piece * (size // len(piece))
        head = f"Content-Type: text/plain\nContent-Transfer-Encoding: {encoding}\n\n"
        return raw(
            f"Content-Type: multipart/mixed; boundary=b\n\n--b\n{head}{content}\n"
            f"--b\n{content}\n--b--"
        )

    assert_linear(keep, mail, 128 * 1024)


@pytest.mark.parametrize("piece", PARAMETERS)
@pytest.mark.parametrize("post", [sendgrid, cmc_multipart])
def test_a_long_header_of_a_part_of_the_post(piece, post):
    def body(size):
        return post(part("a", "x", "; " + piece * (size // len(piece))))

    assert_linear(keep, body, 256 * 1024)


def test_multiparts_in_each_other_around_many_lines():
    def mail(size):
        heads = (f"Content-Type: multipart/mixed; boundary={i}\n\n--{i}\n" for i in range(size))
        return raw("".join(heads) + "\n" + "x\n" * 2_000 * size)

    assert_linear(keep, mail, 40)


@pytest.mark.parametrize("case", FILLING)
def test_memory_is_at_most_thirty_times_the_body(case):
    tracemalloc.start()
    try:
        keep(FILLING[case])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 30 * len(FILLING[case])

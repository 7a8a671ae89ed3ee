"""Charsets in Japanese mail: the standards, Microsoft's variants, and wrong declarations."""

import base64
import encodings
from urllib.parse import quote

import pytest

from cmc_webhook.inbound.charsets import decode
from tests.support.mails import HEADERS, cmc_multipart, file, raw, sendgrid

JIS_MS = b"\x1b$B-!\x1b(B \x1b$B|b\x1b(B \x1b(I123\x1b(B"  # ① 髙 ｱｲｳ, as Outlook writes them
EUC_MS = b"\xad\xa1 \xfc\xe2 \x8e\xb1"  # ① 髙 ｱ

READ = {
    "ISO-2022-JP": ("本文".encode("iso2022_jp"), "iso-2022-jp", "本文"),
    "Microsoft's ISO-2022-JP": (JIS_MS, "ISO-2022-JP", "① 髙 ｱｲｳ"),
    "under its own name": (JIS_MS, "CP50221", "① 髙 ｱｲｳ"),
    "Shift_JIS": ("表示".encode("shift_jis"), "Shift_JIS", "表示"),
    "Microsoft's Shift_JIS": ("①髙～".encode("cp932"), "shift_jis", "①髙～"),
    "windows-31j": ("①髙".encode("cp932"), "Windows-31J", "①髙"),
    "EUC-JP": ("本文".encode("euc_jp"), "euc-jp", "本文"),
    "Microsoft's EUC-JP": (EUC_MS, "EUC-JP", "① 髙 ｱ"),
    "says ASCII, is UTF-8": ("本文".encode(), "us-ascii", "本文"),
    "says ISO-2022-JP, is UTF-8": ("本文".encode(), "iso-2022-jp", "本文"),
    "says UTF-8, is Shift_JIS": ("これは本文です".encode("cp932"), "utf-8", "これは本文です"),
    "says UTF-8, is EUC-JP": ("これは本文です".encode("euc_jp"), "utf-8", "これは本文です"),
    "unknown": ("本文".encode(), "x-nonsense", "本文"),
    "no charset of text": ("本文".encode(), "zip", "本文"),
    "a codec that takes quadratic time": (b"bcher-kva", "punycode", "bcher-kva"),
    "no name at all": ("本文".encode(), "", "本文"),
    "a NUL in its name": ("本文".encode(), "utf-8\0", "本文"),
}


@pytest.mark.parametrize("case", READ)
def test_text_is_read(case):
    content, charset, expected = READ[case]

    assert decode(content, charset).text == expected


@pytest.mark.parametrize(
    "content",
    [b"\x80\xff\xfe", b"\x1b$B\x21\x1b(B\xff", b"\x1b$(D0!\x1b(B\x1b$B-!\xff", b"\xa1\xff"],
)
def test_what_no_charset_fits_is_replaced_and_known_to_be(content):
    decoded = decode(content, "iso-2022-jp")

    assert "\N{REPLACEMENT CHARACTER}" in decoded.text
    assert not decoded.certain


@pytest.mark.parametrize("case", ["ISO-2022-JP", "Microsoft's ISO-2022-JP", "Shift_JIS", "EUC-JP"])
def test_a_body_is_in_the_charset_that_sendgrid_names(inbound, mails, case):
    content, charset, expected = READ[case]
    inbound.post("/", data=sendgrid(text=content, charsets={"text": charset}))

    assert mails()[0]["text"] == expected
    assert "text_stored_at" not in mails()[0]


def test_the_bytes_of_a_text_that_no_charset_fits_are_kept(inbound, mails, objects):
    inbound.post("/", data=sendgrid(text=b"a\x80\xff\xfe", charsets={"text": "iso-2022-jp"}))

    [document] = mails()
    assert document["text"].startswith("a\N{REPLACEMENT CHARACTER}")
    assert objects()[document["text_stored_at"]] == b"a\x80\xff\xfe"


# What the name of a charset means, and what it is called that there is no codec for.
NAMED = {
    "gb2312 that is GBK": ("镕".encode("gbk"), "gb2312", "镕"),
    "gb2312 with GB18030": ("㐀".encode("gb18030"), "GB2312", "㐀"),
    "KS C 5601": ("똠".encode("cp949"), "ks_c_5601-1987", "똠"),
    "KS C 5601 without a year": ("똠".encode("cp949"), "ks_c_5601", "똠"),
    "euc-kr that is cp949": ("똠".encode("cp949"), "euc-kr", "똠"),
    "Big5 of Hong Kong": ("啲".encode("big5hkscs"), "big5", "啲"),
    "ISO-8859-1 with 0x80 to 0x9f": (
        b"It\x92s \x93fine\x94 \x96 \x805",
        "iso-8859-1",
        "It’s “fine” – €5",
    ),
    "a byte that windows-1252 lacks": (b"a\x81b", "windows-1252", "a\x81b"),
    "ISO-8859-9": ("ğ€".encode("cp1254"), "iso-8859-9", "ğ€"),
    "Hebrew": ("שלום".encode("iso8859-8"), "iso-8859-8-i", "שלום"),
    "Thai": ("ไทย€".encode("cp874"), "tis-620", "ไทย€"),
    "x-sjis": ("①".encode("cp932"), "x-sjis", "①"),
    "with quotes": ("é".encode("latin-1"), '"iso-8859-1"', "é"),
    "UTF-7": (b"Fr+APY-sche", "utf-7", "Frösche"),
    "HZ": (b"~{<:Ky2;~}", "hz-gb-2312", "己所不"),
    "a code page of DOS": (b"\x82", "cp850", "é"),
    "ISO-2022-JP by its escape sequences": ("本文".encode("iso2022_jp"), "", "本文"),
    "ISO-2022-JP that says ASCII": ("本文".encode("iso2022_jp"), "us-ascii", "本文"),
    "a byte order mark": ("\ufeff本".encode(), "utf-8", "本"),
    "UTF-16 by its mark": (b"\xff\xfe" + "本".encode("utf-16-le"), "", "本"),
}


@pytest.mark.parametrize("case", NAMED)
def test_a_declared_charset_means_what_browsers_take_it_for(case):
    content, charset, expected = NAMED[case]

    text, _, certain = decode(content, charset)

    assert (text, certain) == (expected, True)


@pytest.mark.parametrize(
    ("content", "charset", "expected"),
    [
        (b"I don\x92t know", "", "I don’t know"),
        (b"I don\x92t know", "us-ascii", "I don’t know"),
        (b"I don\x92t know", "utf-8", "I don’t know"),
        ("Ärger über Müll".encode("latin-1"), "", "Ärger über Müll"),
        (
            "这是服务器的投递程序返回的提示信息".encode("gbk"),
            "",
            "这是服务器的投递程序返回的提示信息",
        ),
        ("本文です".encode("cp932"), "", "本文です"),
        ("本文です".encode("euc_jp"), "", "本文です"),
        ("会議資料".encode("cp932"), "", "会議資料"),
        ("本文".encode(), "x-nonsense", "本文"),
        ("本文です。".encode() * 20 + b"\xe6", "utf-8", "本文です。" * 20 + "\ufffd"),
        ("本文です。".encode() * 20 + b"\xe6", "", "本文です。" * 20 + "\ufffd"),
        (("本文です。" * 20).encode("euc_jp") + b"\xff", "euc-jp", "本文です。" * 20 + "\ufffd"),
    ],
)
def test_a_guess_is_known_to_be_one(content, charset, expected):
    text, _, certain = decode(content, charset)

    assert (text, certain) == (expected, False)


@pytest.mark.parametrize(
    ("meta", "charset"),
    [
        ('<meta charset="gbk">', ""),
        ("<META CHARSET=gb2312>", "us-ascii"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=gb18030">', ""),
    ],
)
def test_html_may_name_its_charset(meta, charset):
    content = f"<html><head>{meta}</head>".encode() + "您好，请查收".encode("gbk")

    text, _, certain = decode(content, charset, html=True)

    assert text.endswith("您好，请查收")
    assert certain


def test_a_declared_charset_counts_before_that_of_html():
    content = '<meta charset="gbk">本'.encode()

    assert decode(content, "utf-8", html=True).text.endswith("本")


@pytest.mark.parametrize(
    "post", [sendgrid, lambda text: raw(b"Content-Type: text/plain\n\n" + text)]
)
def test_a_guess_is_marked_and_the_bytes_are_kept(inbound, mails, objects, post):
    inbound.post("/", data=post(text=b"I don\x92t know"))

    [document] = mails()
    assert document["text"] == "I don’t know"
    assert document["text_guessed_charset"] == "windows-1252"
    assert objects()[document["text_stored_at"]] == b"I don\x92t know"


def test_a_text_that_is_certain_is_not_kept_twice(inbound, mails, objects):
    inbound.post("/", data=sendgrid(text="本文".encode("cp932"), charsets={"text": "shift_jis"}))

    assert mails()[0].keys().isdisjoint({"text_guessed_charset", "text_stored_at"})
    assert objects() == {}


@pytest.mark.parametrize("charsets", ["no json", "[]", '{"text": 5}', '{"text": null}', ...])
def test_charsets_that_cannot_be_read_are_none(inbound, mails, charsets):
    inbound.post("/", data=sendgrid(charsets=charsets))

    assert mails()[0]["text"] == "本文"


def encoded(content, charset):
    return f"=?{charset}?B?{base64.b64encode(content).decode()}?="


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (encoded(JIS_MS, "ISO-2022-JP"), "① 髙 ｱｲｳ"),
        (encoded("①".encode("cp932"), "Shift_JIS"), "①"),
        (encoded("本".encode(), "UTF-8") + "\n " + encoded("文".encode(), "utf-8*ja"), "本文"),
        (
            "Re: "
            + encoded("本".encode()[:2], "utf-8")
            + " "
            + encoded("本".encode()[2:], "utf-8"),
            "Re: 本",
        ),
        ("=?utf-8?Q?a_b=3D?= c", "a b= c"),
        ("=?utf-8?B?broken", "=?utf-8?B?broken"),
        (r"C:\users =?utf-8?B?5pys?=", r"C:\users 本"),
        ("raw 本文", "raw 本文"),
        ("=?UTF-8?Q?What next? [ask]?=", "What next? [ask]"),
        ("=?UTF-8?B?5p ys\n 5paH?=", "本文"),
        ("=?utf-8?B?5pysQ?= =?utf-8?B?5pys=?=", "本本"),
        ("=?utf-8?Q?a?==?utf-8?Q?b?= c", "ab c"),
        ("=?utf-8?Q?open =?utf-8?Q?b?=", "=?utf-8?Q?open b"),
        (encoded("镕".encode("gbk"), "gb2312"), "镕"),
        ("", None),
    ],
)
def test_a_subject_is_decoded(inbound, mails, subject, expected):
    headers = HEADERS.replace("=?UTF-8?B?44OG44K544OI?=", subject)
    inbound.post("/", data=sendgrid(headers=headers, subject=...))

    assert mails()[0].get("subject") == expected


@pytest.mark.parametrize("charset", ["cp932", "euc_jp", "utf-8"])
def test_a_header_in_raw_bytes_is_read_and_so_are_those_beside_it(inbound, mails, charset):
    headers = HEADERS.encode().replace(b"=?UTF-8?B?44OG44K544OI?=", "会議資料".encode(charset))
    inbound.post("/", data=sendgrid(headers=headers))

    assert mails()[0]["subject"] == "会議資料"
    assert mails()[0]["from"]["name"] == "山田"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("報告.pdf", "報告.pdf"),
        ("表示.pdf".encode("cp932"), "表示.pdf"),  # its first character ends in a backslash
        ("報告.pdf".encode("euc_jp"), "報告.pdf"),
        (encoded(JIS_MS, "iso-2022-jp"), "① 髙 ｱｲｳ"),
        ("../../etc/passwd", "passwd"),
        (encoded(rb"..\..\boot.ini", "utf-8"), "boot.ini"),
        ("..", None),
        ("", None),
        (encoded(b"a\r\nX-Evil: 1\0.txt", "utf-8"), "a X-Evil: 1\ufffd.txt"),
        ("x" * 300, "x" * 256),
    ],
)
def test_a_file_name_is_decoded_and_holds_no_path(inbound, mails, objects, name, expected):
    inbound.post("/", data=cmc_multipart(file(1, b"content", name)))

    [attachment] = mails()[0]["attachments"]
    assert attachment.get("file_name") == expected
    assert objects()[attachment["stored_at"]] == b"content"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("filename*=ISO-2022-JP''" + quote(JIS_MS), "① 髙 ｱｲｳ"),
        ("filename*=Shift_JIS''" + quote("①髙".encode("cp932")), "①髙"),
        (
            "filename*0*=Shift_JIS'ja'" + quote("①".encode("cp932")) + '; filename*1="a.txt"',
            "①a.txt",
        ),
        ("filename*=cp50221''" + quote("本".encode("iso2022_jp")), "本"),
        ("filename*=''" + quote("本"), "本"),
        ('filename="本"', "本"),
    ],
)
def test_a_file_name_of_a_raw_mail_is_in_the_charset_that_it_names(inbound, mails, told, expected):
    email = f"Content-Type: a/b\nContent-Disposition: attachment; {told}\n\nx"
    inbound.post("/", data=sendgrid(headers=..., email=email))

    assert mails()[0]["attachments"][0]["file_name"] == expected


def test_names_of_no_charset_leave_nothing_in_memory():
    before = len(encodings._cache)
    for number in range(100):
        assert decode(b"x", f"nonsense-{number}").text == "x"

    assert len(encodings._cache) <= before + 4  # those that are tried instead

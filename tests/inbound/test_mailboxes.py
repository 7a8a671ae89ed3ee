"""Whose mail it is: the angle brackets decide, on every version of Python."""

import pytest

from cmc_webhook.inbound.mailboxes import addresses, sender
from tests.support.growth import assert_linear
from tests.support.mails import HEADERS, sendgrid

EVIL = "attacker@evil.example"


@pytest.mark.parametrize(
    ("value", "address", "name"),
    [
        (f"ceo@example.jp <{EVIL}>", EVIL, "ceo@example.jp"),
        (f'"ceo@example.jp" <{EVIL}>', EVIL, "ceo@example.jp"),
        (f"ceo@example.jp, CEO <{EVIL}>", EVIL, "ceo@example.jp, CEO"),
        (f"ceo@example.jp, <{EVIL}>", EVIL, "ceo@example.jp"),
        (f"=?utf-8?Q?ceo=40example.jp?= <{EVIL}>", EVIL, "ceo@example.jp"),
        (f"=?utf-8?Q?<ceo=40example.jp>,?= <{EVIL}>", EVIL, "<ceo@example.jp>"),
        (f'"<ceo@example.jp>" <{EVIL}>', EVIL, "<ceo@example.jp>"),
        (f"(ceo@example.jp) {EVIL}", EVIL, "ceo@example.jp"),
        ("Yamada, Taro <taro@example.jp>", "taro@example.jp", "Yamada, Taro"),
        ("=?utf-8?Q?Yamada, Taro?= <taro@example.jp>", "taro@example.jp", "Yamada, Taro"),
        ("山田、太郎 <taro@example.jp>", "taro@example.jp", "山田、太郎"),
        ("Sales [Tokyo] (1F) <s@example.jp>", "s@example.jp", "Sales [Tokyo]"),
        ("foo <bar> <s@example.jp>", "s@example.jp", "foo <bar>"),
        ("Re: x <s@example.jp>", "s@example.jp", "Re: x"),
        ('"Unclosed <s@example.jp>', "s@example.jp", "Unclosed"),
        ("MAILER-DAEMON <>", None, "MAILER-DAEMON"),
        ("MAILER-DAEMON", None, "MAILER-DAEMON"),
        ("Postmaster <postmaster>", "postmaster", "Postmaster"),
        ("s@example.jp <s@example.jp>", "s@example.jp", None),
        ("s@example.jp (Sales, Tokyo)", "s@example.jp", "Sales, Tokyo"),
        ("Sales s@example.jp", "s@example.jp", "Sales"),
        ("< s@example.jp >", "s@example.jp", None),
        ("<s@example.jp", "s@example.jp", None),
        ("<@one,@two:s@example.jp>", "s@example.jp", None),
        ("Pete <pete(his account)@example.jp (host)>", "pete@example.jp", "Pete"),
        ('"two words"@example.jp', '"two words"@example.jp', None),
        ("foo..bar.@docomo.ne.jp", "foo..bar.@docomo.ne.jp", None),
        ("a@example.jp, b@example.jp", "a@example.jp", None),
        ("A <a@example.jp>, B <b@example.jp>", "a@example.jp", "A"),
        ("A <a@example.jp> B <b@example.jp>", "a@example.jp", "A"),
        (r'"a \"b\" c" <s@example.jp>', "s@example.jp", 'a "b" c'),
    ],
)
def test_a_sender(value, address, name):
    expected = {"address": address, "name": name}

    assert sender([value]) == {field: text for field, text in expected.items() if text}


@pytest.mark.parametrize("value", ["", " ", "<>", ",", ";", ":;", '""', "undisclosed-recipients:;"])
def test_no_sender(value):
    assert sender([value]) is None
    assert addresses([value]) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@example.jp, Yamada, Taro <b@example.jp>, c@example.jp",
         [("a@example.jp", ""), ("b@example.jp", "Yamada, Taro"), ("c@example.jp", "")]),
        ("Team: a@example.jp, B <b@example.jp>;, c@example.jp",
         [("a@example.jp", ""), ("b@example.jp", "B"), ("c@example.jp", "")]),
        ("a@example.jp; b@example.jp", [("a@example.jp", ""), ("b@example.jp", "")]),
        ("A <a@example.jp>\n B <b@example.jp>", [("a@example.jp", "A"), ("b@example.jp", "B")]),
        ('"Foo" <a@example.jp>, b@example.jp (Bar, Baz), <c@example.jp>',
         [("a@example.jp", "Foo"), ("b@example.jp", "Bar, Baz"), ("c@example.jp", "")]),
        ("a@example.jp,,b@example.jp,", [("a@example.jp", ""), ("b@example.jp", "")]),
    ],
)  # fmt: skip
def test_recipients(value, expected):
    assert [(to["address"], to.get("name", "")) for to in addresses([value])] == expected


@pytest.mark.parametrize("name", ["From", "from"])
def test_the_document_has_the_sender(inbound, mails, name):
    headers = HEADERS.replace("From: =?UTF-8?B?5bGx55Sw?= <sender@example.org>", "")
    inbound.post("/", data=sendgrid(headers=f"{headers}{name}: ceo@example.jp <{EVIL}>\n"))

    assert mails()[0]["from"] == {"address": EVIL, "name": "ceo@example.jp"}


@pytest.mark.parametrize("read", [sender, addresses])
@pytest.mark.parametrize(
    "piece",
    ["<", '"', '"\\', "(", "()", "((x)", "\\", "=?a?b?", "a,", "a@b,", "a:;", "<a@b>", "a "],
)
def test_reading_takes_time_in_proportion(read, piece):
    assert_linear(lambda value: read([value]), lambda size: piece * (size // len(piece)), 16_000)

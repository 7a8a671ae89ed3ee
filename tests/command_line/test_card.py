"""`show` of an address: the verdict, what to tell the customer, and other addresses of the mail."""

import json

import pytest

from cmc_webhook.reading import addresses
from cmc_webhook.reading.texts import Texts
from tests.support.records import make_record

BOUNCED = {"status": "2", "reason": "550 5.1.1 no such user"}


@pytest.fixture
def post_bounce(post):
    """Post a failed mail to user@example.jp and its bounce."""

    def send(**changes):
        record = make_record(to="user@example.jp", **BOUNCED | changes)
        post([record | {"status": "failed"}])
        post(bounces=[record])

    return send


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_card_has_the_verdict_and_the_three_parts_apart(run, post_bounce, language):
    post_bounce()
    texts = Texts(language)

    card = run("show", "user@example.jp", "--lang", language)
    lines = card.stdout.splitlines()

    assert card.exit_code == 0
    assert lines[0] == "user@example.jp"
    assert texts.name("diagnosis", "unknown_user") in lines[1]
    places = [lines.index(texts.text(f"mail.{part}")) for part in ("happened", "customer", "todo")]
    assert places == sorted(places)
    customer = texts.sentences(["diagnosis_customer.unknown_user", "customer.urgent"])
    warned = [n for n, line in enumerate(lines) if texts.text("customer.warning")[:20] in line]
    assert warned[0] < lines.index(customer)  # in one line, so that it can be copied
    assert "  550 5.1.1 no such user" in lines
    assert lines[-1] == texts.text("card.read", count=3)


def test_the_language_is_that_of_the_locale(run, post_bounce, monkeypatch):
    post_bounce()
    heading = {language: Texts(language).text("mail.customer") for language in ("en", "ja")}

    for variables, language in (
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ):
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert heading[language] in run("show", "user@example.jp").stdout


def test_a_mail_shows_the_three_parts_too(run, post_bounce):
    post_bounce()

    shown = run("show", "<mail@example.com>", "--lang", "ja").stdout

    for part in ("happened", "customer", "todo"):
        assert Texts("ja").text(f"mail.{part}") in shown


def test_the_beginning_of_a_message_id_is_enough(run, post_bounce):
    post_bounce(messageId="<9e7e564c-ac83@example.com>")

    for name in ("9e7e564c", "<9e7e", "<9e7e564c-ac83@example.com>", "9e7e564c-ac83@example.com"):
        assert "<9e7e564c-ac83@example.com>" in run("show", name).stdout.splitlines()[0]
    assert run("show", "9e7f").exit_code == 1


def test_an_address_is_found_in_any_case_and_json_has_its_mails(run, post_bounce):
    post_bounce()

    [mail] = map(json.loads, run("show", "USER@example.jp", "--json").stdout.splitlines())

    assert mail["diagnosis"] == "unknown_user"


def test_an_address_without_mail_has_advice_and_similar_addresses(run, post_bounce):
    post_bounce()

    card = run("show", "user@exmaple.jp", "--lang", "ja")

    assert card.exit_code == 1
    assert Texts("ja").text("card.none") in card.stdout
    assert "  user@example.jp" in card.stdout.splitlines()
    assert Texts("ja").text("near.limits") in card.stdout.replace("\n  ", "")
    assert Texts("ja").text("card.none_customer") in card.stdout


def test_a_bounce_alone_stands_beside_its_siblings_and_is_not_merged(run, post):
    post([make_record(to="real@example.jp", status="succeeded")])
    post(bounces=[make_record(to="list@example.jp", **BOUNCED)])
    post([make_record(to="also@example.jp", status="succeeded")])

    alone, real = (run("show", f"{name}@example.jp").stdout for name in ("list", "real"))

    note = "There is a bounce, but no delivery event"
    assert note in alone.replace("\n  ", " ")
    assert "real@example.jp" in alone
    assert alone.count("list@example.jp") == 2  # the heading and its own mail
    assert note not in real
    # Only what may be about the same recipient.
    assert "list@example.jp" in real
    assert "also@example.jp" not in real
    assert "Succeeded: 1" in real


def test_a_card_reads_a_bounded_number_and_says_how_many(run, post, monkeypatch):
    monkeypatch.setattr(addresses, "MOST", addresses.SHOWN + addresses._MOST_SIBLINGS + 5)
    post(
        [
            make_record(
                to="user@example.jp",
                messageId=f"<{n}@example.com>",
                status="succeeded",
                created=f"2025-01-25 14:{n:02}:00",
            )
            for n in range(40)
        ]
    )

    shown = run("show", "user@example.jp").stdout

    assert "Only the newest 45 documents were read." in shown
    assert "Succeeded: 25" in shown
    assert "Oldest mail: 2025-01-25 14:15:00" in shown


def test_hostile_text_cannot_move_the_cursor(run, post_bounce):
    post_bounce(reason="550 \x1b[2Jgone", subject="\x1b[31mred")

    assert "\x1b" not in run("show", "user@example.jp").stdout


def test_a_reply_of_10000_characters_is_shown_to_its_end(run, post_bounce):
    post_bounce(reason="550 5.2.2 full " + "x" * 10_000 + " (in reply to RCPT TO command)")

    shown = run("show", "user@example.jp").stdout

    assert "(in reply to RCPT TO command)" in shown
    assert "the mailbox is full" in shown

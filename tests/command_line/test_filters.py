"""Filters take what people paste, refuse what they would ignore, and say why nothing is found."""

import json

import pytest

from cmc_webhook.reading.pasted import domain, message_ids, recipients
from cmc_webhook.reading.statuses import Filters
from tests.support.records import make_record


@pytest.fixture
def mails(post):
    """A mail to gone@example.jp that bounced, one over capacity, and a queued one."""
    post([make_record(messageId="<queued@example.com>", to="user@example.com")])
    gone = make_record(messageId="<gone@example.com>", to="gone@example.jp", apiData="order-1")
    full = make_record(messageId="full@example.com", to="full@mail.example.jp")
    post(bounces=[gone | {"status": "2"}, full | {"status": "5"}])


def listed(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line)["message_id"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--to", "gone@example.jp"),
        ("--to", "GONE@EXAMPLE.JP"),
        ("--to", "  gone@example.jp\n"),
        ("--to", "Taro Gone <gone@example.jp>"),
        ("--to", '"Gone, Taro" <gone@example.jp>,'),
        ("--to", "<gone@example.jp>"),
        ("--to", "mailto:Gone@example.jp"),
        ("--to", "ｇｏｎｅ＠ｅｘａｍｐｌｅ．ｊｐ"),
        ("--to", "　＜ｇｏｎｅ＠ｅｘａｍｐｌｅ．ｊｐ＞　"),
        ("--to", "gone@\u200bexample.jp\u00a0"),
        ("--to", "「gone@example.jp」、"),
        ("--domain", "example.jp"),
        ("--domain", "EXAMPLE.JP"),
        ("--domain", "@example.jp"),
        ("--domain", "example.jp."),
        ("--domain", "Taro <gone@example.jp>"),
        ("--domain", "ｅｘａｍｐｌｅ．ｊｐ"),
        ("--message-id", "<gone@example.com>"),
        ("--message-id", "gone@example.com"),
        ("--message-id", " Message-ID: <gone@example.com>"),
        ("--message-id", "＜ｇｏｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ＞"),
        ("--api-data", " order-1 "),
    ],
)
def test_what_people_paste_is_understood(run, mails, option, text):
    assert listed(run("list", "--json", option, text)) == ["<gone@example.com>"]


def test_an_address_that_is_stored_as_it_was_decorated_is_found(run, post):
    post([make_record(to="Taro <t@example.jp>")])

    assert listed(run("list", "--json", "--to", "Taro <t@example.jp>")) == ["<mail@example.com>"]


@pytest.mark.parametrize(
    "name", [" gone@example.com ", "＜gone@example.com＞", "<gone@example.com>"]
)
def test_show_takes_the_same(run, mails, name):
    assert "gone@example.jp" in run("show", name).stdout


def test_forms_are_few_and_the_likeliest_comes_first():
    assert recipients("A@b.jp") == ["a@b.jp"]
    assert recipients("X <A@b.jp>") == ["a@b.jp", "x <a@b.jp>"]
    assert recipients("TARÖ@b.jp") == ["tarÖ@b.jp"]  # ASCII only, as documents have it
    assert domain("A@B.jp.") == "b.jp"
    assert message_ids("<Ab@c>") == ["Ab@c", "<Ab@c>"]


def test_causes_may_be_repeated(run, mails):
    two = ("--cause", "unknown_user", "--cause", "over_capacity")

    assert sorted(listed(run("list", "--json", *two))) == ["<gone@example.com>", "full@example.com"]
    assert listed(run("list", "--json", "--cause", "over_capacity")) == ["full@example.com"]


@pytest.mark.parametrize(
    "command",
    [
        ["list", "--to", "a@b", "--to", "c@d"],
        ["list", "--domain", "a", "--status", "queued", "--domain=b"],
        ["list", "--limit", "1", "--limit", "2"],
        ["export", "--since", "2025-01-01", "--since", "2026-01-01"],
        ["stats", "--days", "1", "--days", "2"],
        ["quarantine", "list", "--limit", "1", "--limit", "1"],
        ["inbound", "list", "--after", "x", "--after", "y"],
        ["send", "queued", "--count", "1", "--count", "2"],
        ["doctor", "--project", "a", "--project", "b"],
    ],
)
def test_an_option_with_one_value_refuses_the_second(run, command):
    refused = run(*command)

    assert refused.exit_code == 2
    assert "may be given once only." in refused.stderr


def test_more_than_firestore_can_combine_is_refused_in_a_sentence(run):
    many = [word for status in ("queued", "failed", "bounced") for word in ("--status", status)]
    causes = ("unknown_user", "unknown_host", "rejected", "other", "oversize", "over_capacity")
    many += [word for cause in causes for word in ("--cause", cause)]

    refused = run("list", *many, "--message-id", "x")

    assert refused.exit_code == 2
    assert "Too many values of options at once" in refused.stderr
    assert not Filters(statuses=("a", "b"), causes=("c",) * 15).are_too_many()


@pytest.mark.parametrize("option", ["--to", "--domain", "--message-id", "--api-data"])
def test_a_blank_filter_does_not_choose_all(run, mails, option):
    refused = run("list", option, "　 ")

    assert refused.exit_code == 2
    assert "It is blank." in refused.stderr


@pytest.mark.parametrize(
    ("option", "text", "hint"),
    [
        ("--to", "Gone@", "to gone@."),
        ("--to", "gone", "An address is whole, such as user@example.jp."),
        ("--domain", "jp", "Searched for domain jp."),
        ("--message-id", "gone", "Searched for message_id gone."),
        ("--api-data", "order", "Searched for api_data order."),
        ("--to", "\x1b[2J@x", "to \ufffd[2j@x."),
    ],
)
def test_where_nothing_is_found_it_says_what_was_searched_for(run, mails, option, text, hint):
    said = run("list", option, text)

    assert (said.exit_code, said.stdout) == (0, "")
    assert "A filter must match the whole value." in said.stderr
    assert hint in said.stderr
    assert "No mails match; the newest is of " in said.stderr


def test_stats_take_the_same_and_a_subject(run, post):
    post([make_record(created="2026-01-01 00:00:00")])

    said = run("stats", "--domain", "NONE.example", "--subject", "Mistyped").stderr

    assert "Searched for domain none.example, subject Mistyped." in said

"""`send`: what it posts, and what must become of it."""

import json
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.simulator import posts
from cmc_webhook.simulator.posting import FORM, Message, Pace, deliver
from cmc_webhook.simulator.scenarios import COMPOSITION, OFFERED, STEPS, Mailing, events
from tests.support import chaos, oracle
from tests.support.ledger import TOKYO

KEY = "a-key-for-tests-0123456789"


def expected(scenario, count, recipients=1, version=2):
    """Return what the oracle makes of the events that `send --seed 7` sends."""
    mailing = Mailing(
        steps=STEPS.get(scenario),
        count=count,
        recipients=recipients,
        version=version,
        zone=TOKYO,
        last_event_at=datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC),
    )
    records = [(each.event_type, each.record) for each in events(mailing, random.Random(7))]
    return oracle.outcome(records, COMPOSITION, TOKYO).documents


@pytest.mark.parametrize("scenario", OFFERED)
@pytest.mark.parametrize("version", [1, 2])
def test_every_scenario_ends_as_it_must(run, url, documents, scenario, version):
    arguments = ("--scenario", scenario, "--count", "20", "--recipients", "2")
    sent = run("send", *arguments, "--version", str(version), "--seed", "7", "--url", url)

    assert sent.exit_code == 0, sent.output
    wanted, found = expected(scenario, 20, 2, version), documents()
    assert found.keys() == wanted.keys()
    assert {name: oracle.differences(wanted[name], found[name]) for name in found} == {
        name: {} for name in found
    }


def test_a_campaign_in_chaos_is_accounted_for_to_the_last_record(url, serve, documents, quarantine):
    """Repeated, shuffled and odd records, by four senders at once."""
    target = f"http://127.0.0.1:{serve(CMC_ALLOW_UNAUTHENTICATED='true').port}"
    rng = random.Random(7)
    mailing = Mailing(
        steps=None, count=200, recipients=1, version=2, zone=TOKYO, last_event_at=datetime.now(UTC)
    )
    sent = posts.batches(chaos.odd(events(mailing, rng), rng), 50)
    sent = chaos.reorder(chaos.duplicate(sent, rng), rng)

    messages = [Message(posts.form_body(post, ""), FORM) for post in sent]
    answers = list(deliver(target, messages, pace=Pace(0), senders=4))

    assert {answer.text for answer in answers} == {"200"}
    records = [(post.event_type, record) for post in sent for record in post.records]
    wanted, found = oracle.outcome(records, COMPOSITION, TOKYO), documents()
    assert found.keys() == wanted.documents.keys()
    for name, fields in wanted.documents.items():
        assert oracle.differences(fields, found[name]) == {}
    kept = [json.loads(entry["content"]) for entry in quarantine()]
    assert all(record in kept for record in wanted.quarantined)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["queued"], "queued"),
        (["deferred"], "deferred"),
        (["succeeded"], "succeeded"),
        (["failed", "--format", "json"], "failed"),
        (["bounce"], "bounced"),
        (["bounce", "--code", "10"], "suppressed"),
        (["bounce", "--code", "42"], "bounced"),
    ],
)
def test_one_status_is_one_document(run, url, documents, arguments, status):
    assert run("send", *arguments, "--url", url).exit_code == 0

    [document] = documents().values()
    assert document["status"] == status
    assert document["server_composition"] == "simulator"


def test_the_same_seed_sends_the_same(run, url):
    command = ("send", "--scenario", "campaign", "--count", "20", "--seed", "3", "--url", url)
    run(*command)

    again = run(*command)

    assert " 0 stored" in again.stdout
    assert again.exit_code == 0
    assert "--seed 3 --end 2025-01-25T05:03:06+00:00" in again.stderr


def test_the_clock_in_a_message_id_agrees_with_the_event(run, url, documents):
    run("send", "--scenario", "campaign", "--count", "30", "--url", url)

    for document in documents().values():
        made = uuid.UUID(document["message_id"][1:37])
        clock = datetime(1582, 10, 15, tzinfo=UTC) + timedelta(microseconds=made.time // 10)
        assert made.version == 1
        assert timedelta() <= clock - document["queued_at"] < timedelta(seconds=1)


def test_addresses_are_reserved_for_examples(run, url, documents):
    run("send", "--scenario", "campaign", "--count", "50", "--url", url)

    for document in documents().values():
        for domain in (document["to_domain"], document["from"].partition("@")[2]):
            assert domain.startswith("example.") or ".example" in domain


@pytest.mark.parametrize(
    ("setting", "option", "value"),
    [
        ("CMC_API_KEYS", "--bearer", KEY),
        ("CMC_API_KEYS", "--body-key", KEY),
        ("CMC_BASIC_CREDENTIALS", "--basic", f"user:{KEY}"),
    ],
)
def test_credentials_open_the_function(run, serve_here, documents, setting, option, value):
    url = serve_here(**{setting: value})

    refused = run("send", "queued", "--url", url)
    sent = run("send", "--count", "5", option, value, "--url", url)

    assert refused.exit_code == 1
    assert "1 of 1 posts were not accepted." in refused.stderr
    assert sent.exit_code == 0, sent.output
    assert len(documents()) == 5


@pytest.mark.parametrize(
    ("zone", "end", "kept"),
    [
        # Of the years 2000 to 2100 both as it is written and in UTC.
        ("Asia/Tokyo", "2000-01-01T00:00:00Z", 1),
        ("Asia/Tokyo", "2000-01-01T00:00:00+09:00", 0),
        ("Asia/Tokyo", "2100-12-31T15:00:00Z", 0),
        ("America/New_York", "2100-12-31T20:00:00-05:00", 0),
    ],
)
def test_both_ends_of_the_years_are_as_in_the_function(run, serve_here, documents, zone, end, kept):
    url = serve_here(CMC_ALLOW_UNAUTHENTICATED="true", CMC_TIME_ZONE=zone)

    sent = run("send", "queued", "--zone", zone, "--end", end, "--url", url)

    assert len(documents()) == kept
    assert sent.exit_code == 0, sent.output


def test_the_rate_is_kept_and_fills_the_posts(run, url):
    begun = datetime.now(UTC)

    sent = run("send", "queued", "--count", "20", "--rate", "20", "--url", url)

    assert "20 records in 1 posts" in sent.stderr
    run("send", "queued", "--count", "6", "--rate", "4", "--url", url)
    assert datetime.now(UTC) - begun > timedelta(seconds=1)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--url", "https://cmc.example.com/"], "--real-url"),
        (["--url", "ftp://localhost"], "not an http or https URL"),
        (["--url", "http://user:secret@localhost"], "--basic"),
        (["queued", "--scenario", "normal"], "not both"),
        (["queued", "--code", "2"], "--code"),
        (["--version", "1", "--format", "json"], "version 1"),
        (["--bearer", "a", "--basic", "b:c"], "one of"),
        (["--zone", "Nowhere"], "Nowhere"),
        (["--bearer", "キー"], "ASCII"),
        (["--bearer", "a\nb"], "ASCII"),
        (["--basic", "user"], "USER:PASSWORD"),
        (["--rate", "nan"], "nan"),
        (["--rate", "inf"], "inf"),
        (["--rate", "-1"], "-1"),
        (["--end", "9999-12-31"], "9999-12-31"),
        (["--end", "0001-01-01"], "0001-01-01"),
        (["--body-key", "\udcff"], "not UTF-8"),
        (["--end", "tomorrow"], "tomorrow"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_status_2(run, arguments, word):
    refused = run("send", *arguments)

    assert refused.exit_code == 2
    [sentence] = [line for line in refused.stderr.splitlines() if line.startswith("Error")]
    assert word in sentence


def test_a_function_that_is_not_there_is_a_failure(run):
    sent = run("send", "queued", "--url", "http://127.0.0.1:1")

    assert sent.exit_code == 1
    assert "no answer" in sent.stdout

"""`send`: what it posts, and that --verify sees what is wrong."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.simulator.scenarios import OFFERED

KEY = "a-key-for-tests-0123456789"


def test_a_campaign_in_chaos_is_accounted_for_to_the_last_record(run, serve):
    url = f"http://127.0.0.1:{serve(CMC_ALLOW_UNAUTHENTICATED='true').port}"
    chaos = ("--duplicate", "--reorder", "--odd", "--cut", "--concurrency", "4")

    sent = run(
        "send", "--scenario", "campaign", "--count", "200", *chaos, "--verify", "--url", url
    )  # fmt: skip

    assert sent.exit_code == 0, sent.output
    assert "200 documents" in sent.output
    assert "; 0 differences." in sent.output
    assert " 0 in quarantine" not in sent.output


@pytest.mark.parametrize("scenario", OFFERED)
@pytest.mark.parametrize("version", ["1", "2"])
def test_every_scenario_ends_as_it_must(run, url, scenario, version):
    sent = run(
        "send", "--scenario", scenario, "--count", "20", "--recipients", "2", "--verify",
        "--version", version, "--odd", "--split", "--url", url,
    )  # fmt: skip

    assert sent.exit_code == 0, sent.output
    assert "40 documents" in sent.output


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
    assert run("send", *arguments, "--verify", "--url", url).exit_code == 0

    [document] = documents().values()
    assert document["status"] == status
    assert document["server_composition"] == "simulator"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "failed"),
        ("subject", "別の件名"),
        ("events", []),
        ("bounce_class", "soft"),
        ("queued_at", datetime(2020, 1, 1, tzinfo=UTC)),
        ("deferred_at", datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_verify_names_the_document_and_the_field_that_is_broken(
    run, url, client, documents, field, value
):
    command = ("send", "--scenario", "hard-bounce", "--seed", "7", "--verify", "--url", url)
    assert run(*command).exit_code == 0
    [name] = documents()
    client.document("mail_statuses", name).update({field: value})

    # The function does not look at a document that it has seen a moment ago.
    sent = run(*command)

    assert sent.exit_code == 1
    assert f"{name}: {field} is" in sent.stderr
    assert "1 differences" in sent.stdout


def test_verify_misses_a_document_that_is_gone(run, url, client, documents):
    command = ("send", "queued", "--seed", "7", "--verify", "--url", url)
    run(*command)
    [name] = documents()
    client.document("mail_statuses", name).delete()

    assert f"{name}: does not exist." in run(*command).stderr


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
    run("send", "--scenario", "campaign", "--count", "50", "--odd", "--url", url)

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
def test_credentials_open_the_function_and_forged_posts_do_not(
    run, serve_here, documents, setting, option, value
):
    url = serve_here(**{setting: value})

    refused = run("send", "queued", "--url", url)
    sent = run("send", "--count", "5", option, value, "--wrong-key", "--verify", "--url", url)

    assert refused.exit_code == 1
    assert "1 posts were not accepted: 401." in refused.stderr
    assert sent.exit_code == 0, sent.output
    assert " 401" in sent.stdout
    assert len(documents()) == 5


def test_a_forged_post_that_is_accepted_is_a_failure(run, url):
    sent = run("send", "--bearer", KEY, "--wrong-key", "--verify", "--url", url)

    assert sent.exit_code == 1
    assert "with a wrong key were accepted" in sent.stderr
    assert "came with a wrong key and exists" in sent.stderr


def test_a_wrong_time_zone_is_a_difference(run, url):
    sent = run("send", "queued", "--zone", "UTC", "--verify", "--url", url)

    assert sent.exit_code == 1
    assert "status_at is" in sent.stderr


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

    sent = run("send", "queued", "--zone", zone, "--end", end, "--verify", "--url", url)

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
        (["--wrong-key"], "--bearer"),
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


def test_a_server_that_accepts_and_keeps_nothing_is_a_failure(run, careless_url):
    sent = run("send", "queued", "--verify", "--url", careless_url)

    assert sent.exit_code == 1
    assert "A post of 1 records was answered as one of 0." in sent.stderr
    assert "does not exist." in sent.stderr


def test_verify_misses_a_record_that_is_not_in_quarantine(run, careless_url):
    sent = run("send", "--count", "9", "--odd", "--seed", "1", "--verify", "--url", careless_url)

    assert sent.exit_code == 1
    assert "is not in quarantine." in sent.stderr


def test_documents_of_a_post_whose_answer_was_lost_are_left_out(run, serve_app, make_function):
    app = make_function(CMC_ALLOW_UNAUTHENTICATED="true").application
    numbers = itertools.count(1)

    def every_second_answer_is_lost(environ, start_response):
        def start(status, headers, *more):
            return start_response("502" if next(numbers) == 2 else status, headers, *more)

        return app(environ, start)

    sent = run("send", "--split", "--verify", "--url", serve_app(every_second_answer_is_lost))

    assert "1 posts were not accepted: 502." in sent.stderr
    assert "Verified: 0 documents, 0 in quarantine; 0 differences." in sent.stdout


def test_a_function_that_is_not_there_is_a_failure(run):
    sent = run("send", "queued", "--url", "http://127.0.0.1:1")

    assert sent.exit_code == 1
    assert "no answer" in sent.stderr

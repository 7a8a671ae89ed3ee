"""Bounces and rows that never came are brought, once, by the law by which posts are stored."""

import contextlib
from collections import Counter
from datetime import timedelta

import pytest
from google.api_core.exceptions import InvalidArgument

from cmc_webhook.simulator import rest as stand_in
from cmc_webhook.simulator.scenarios import STEPS
from cmc_webhook.status.addresses import address_id
from tests.reconcile.conftest import days_ago, lives

BOUNCES = ("reconcile", "--bounces", "--yes", "--requests", "20")


@pytest.fixture
def hard(post):
    """Tell the stand-in of mails that bounced, of which posts told all but each third bounce."""

    def happen(rest):
        rest.events = lives(9, 5, steps=STEPS["hard-bounce"])
        bounces = [e.record for e in rest.events if e.event_type == "bounces"]
        deliveries = [e.record for e in rest.events if e.event_type == "deliveries"]
        post(deliveries, [each for number, each in enumerate(bounces) if number % 3])
        return bounces

    return happen


def statuses(documents):
    return sorted(document["status"] for document in documents().values())


def test_lost_bounces_are_restored_and_a_second_run_writes_nothing(run, cmc, hard, documents):
    hard(cmc(most_rows=10))
    assert statuses(documents) == ["bounced"] * 6 + ["failed"] * 3

    done = run(*BOUNCES, "--store")

    assert "Rows from CMC: 9. Stored what was missing: 3." in done.output
    assert statuses(documents) == ["bounced"] * 9
    sources = [e.get("source") for d in documents().values() for e in d["events"]]
    assert sources.count("rest") == 3
    before = documents(), documents("mail_addresses")
    assert "Stored what was missing: 0." in run(*BOUNCES, "--store").output
    assert (documents(), documents("mail_addresses")) == before


def test_a_row_that_firestore_refuses_is_not_told_as_stored(run, cmc, hard, client, documents):
    hard(cmc())
    full = next(name for name, each in documents().items() if each["status"] == "failed")
    for size in range(1_048_576, 0, -50):  # the most that Firestore takes, so that no event fits
        with contextlib.suppress(InvalidArgument):
            client.collection("mail_statuses").document(full).update({"ours": "x" * size})
            break

    done = run(*BOUNCES, "--store")

    assert "Rows from CMC: 9. Stored what was missing: 2." in done.output
    assert [each["why"] for each in documents("mail_statuses_quarantine").values()] == [
        "refused_by_firestore"
    ]


def test_it_only_reports_until_it_is_told_to_store(run, cmc, hard, documents):
    hard(cmc())
    before = documents(), documents("mail_addresses")

    done = run(*BOUNCES)

    assert "Rows from CMC: 9, missing here: 3. Nothing was written" in done.output
    assert (documents(), documents("mail_addresses")) == before


def test_every_row_is_offered_to_its_address_also_where_the_mail_has_it(
    run, cmc, hard, client, documents
):
    bounces = hard(cmc(other_texts=True))
    for each in client.collection("mail_addresses").stream():
        each.reference.delete()

    run(*BOUNCES, "--store")

    assert {*documents("mail_addresses")} == {address_id(each["to"]) for each in bounces}


def test_addresses_are_left_alone_where_they_are_switched_off(run, cmc, hard, client, documents):
    hard(cmc({"CMC_ADDRESSES": "false"}))
    for each in client.collection("mail_addresses").stream():
        each.reference.delete()

    run(*BOUNCES, "--store")

    assert not documents("mail_addresses")


@pytest.mark.parametrize("other_texts", [False, True])
def test_what_the_webhook_tells_later_takes_its_place(run, cmc, hard, post, documents, other_texts):
    bounces = hard(cmc(other_texts=other_texts))
    run(*BOUNCES, "--store")

    post(None, bounces)

    events = [event for document in documents().values() for event in document["events"]]
    assert [event for event in events if "source" in event] == []
    assert {e["reason"] for e in events if e["status"] == "bounced"} == {
        each["reason"] for each in bounces
    }


def test_times_of_another_zone_are_refused_and_the_setting_is_named(
    run, cmc, hard, documents, monkeypatch
):
    hard(cmc(zone="UTC", other_texts=True))
    before = documents()

    done = run(*BOUNCES, "--store")

    assert done.exit_code == 1
    assert "differ by -9 hours" in done.stderr
    assert "CMC_TIME_ZONE=Asia/Tokyo" in done.stderr
    assert "another: -9 hours" in done.output
    assert "Stored what was missing: 0." in done.output
    assert documents() == before
    monkeypatch.setenv("CMC_TIME_ZONE", "UTC")
    run(*BOUNCES, "--store")
    assert statuses(documents) == ["bounced"] * 9
    times = [(d["failed_at"], d["bounced_at"]) for d in documents().values()]
    assert all(0 <= (bounced - failed).total_seconds() < 60 for failed, bounced in times)


def test_the_first_run_measures_what_nobody_knows(run, cmc, hard):
    hard(cmc(other_texts=True, ending="204"))

    said = run(*BOUNCES).output

    for line in (
        "rows with the id of the webhook's event",
        "of 6 rows that the webhook told too",
        "as the webhook's",
        "9 at most, 100 were asked for",
        "HTTP status 204",
    ):
        assert line in said


def test_it_asks_first_with_the_number_of_requests(run, cmc, hard, documents):
    rest = cmc({"CMC_DAILY_REQUESTS": "2"})
    hard(rest)
    unknown = run("reconcile", "--bounces", input="n\n")
    run("reconcile")

    known = run("reconcile", "--bounces", "--requests", "7", input="n\n")

    assert "Requests to CMC: an unknown number" in unknown.stderr
    # Of the figures only the month is known that the totals asked for.
    assert "Requests to CMC: 1 by its figures" in known.stderr
    assert "at most 7" in known.stderr
    assert rest.requests == 1


def test_the_rows_of_a_day_by_status_and_hour_within_the_requests(run, cmc, post, documents):
    rest = cmc()
    rest.events = lives(12, 4, steps=STEPS["normal"])
    post([e.record for e in rest.events if e.record["status"] == "queued"])

    done = run("reconcile", "--day", days_ago(4), "--yes", "--requests", "6", "--store")

    lines = [line.split() for line in done.output.splitlines() if line.startswith("  Succeeded")]
    hours = {line[1]: [int(line[2]), int(line[3])] for line in lines}
    times = [document["succeeded_at"] + timedelta(hours=9) for document in documents().values()]
    assert hours == {f"{hour:02}": [n, n] for hour, n in Counter(t.hour for t in times).items()}
    assert "May we, and at which rate?" in done.output
    assert rest.requests == 6  # two for the two statuses that are empty, two for each of the others
    assert statuses(documents) == ["succeeded"] * 12


def test_a_run_that_its_requests_end_has_stored_what_it_read(run, cmc, hard, documents):
    rest = cmc(most_rows=4)
    hard(rest)

    done = run("reconcile", "--bounces", "--yes", "--requests", "2", "--store")

    assert done.exit_code == 1
    assert "Rows from CMC: 8." in done.output
    assert rest.requests == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--store"],
        ["--since", "3d"],
        ["--bounces", "--day", "3d"],
        ["--day", "3d", "--since", "5d"],
    ],
)
def test_options_that_do_not_go_together_are_refused(run, cmc, options):
    rest = cmc()

    assert run("reconcile", *options).exit_code == 2
    assert rest.requests == 0


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CMC_REST_USER", "", "CMC_REST_USER is not set"),
        ("CMC_REST_KEY", "", "CMC_REST_KEY is not set"),
        ("CMC_COMPOSITIONS", "", "CMC_COMPOSITIONS is not set"),
        ("CMC_DAILY_REQUESTS", "0", "must be a whole number"),
        ("CMC_REST_URL", "http://api.example.com", "must be an https URL"),
        ("CMC_REST_URL", "https://me:pw@example.com", "must be an https URL"),
        ("CMC_REST_URL", "http://localhost.example.com", "must be an https URL"),
        ("CMC_REST_URL", "https://api.example.com:65536", "a port is from 1 to 65535"),
        ("CMC_REST_URL", "http://localhost:99999/v2", "a port is from 1 to 65535"),
        ("CMC_RETENTION_DAYS", "10", "would look lost"),
    ],
)
def test_settings_that_cannot_be_right_are_named(run, use, variable, value, said):
    use("http://127.0.0.1:1", **{variable: value})

    done = run("reconcile")

    assert done.exit_code == 2
    assert said in done.stderr
    assert stand_in.KEY not in done.output


@pytest.mark.parametrize("host", ["sandbox..example.com", f"{'a' * 64}.example.com"])
def test_a_host_that_cannot_be_asked_is_an_error_in_a_sentence(run, use, host):
    use(f"https://{host}/api")

    done = run("reconcile")

    assert done.exit_code == 1
    assert "whole answer" in done.stderr
    assert stand_in.KEY not in done.output

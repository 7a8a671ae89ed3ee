"""What is asked of CMC's REST API, whatever it answers, and never more than the budget."""

import json
import socket
import threading
from datetime import UTC, datetime

import pytest

from cmc_webhook.database import connect
from cmc_webhook.reconcile import memory
from cmc_webhook.reconcile.command import Run
from cmc_webhook.reconcile.rest import RestError
from cmc_webhook.settings import RestSettings
from cmc_webhook.simulator import rest as stand_in
from tests.reconcile.conftest import days_ago
from tests.support.faults import WRITE, Fault
from tests.support.records import make_record

BOUNCE = make_record(status="2", reason="550 no such user", created=f"{days_ago(3)} 12:00:00")
BOUNCES = ("reconcile", "--bounces", "--yes", "--requests", "9")


def page(*rows, **others):
    return 200, json.dumps({"bounces": rows, **others}).encode(), 0


END = (204, b"", 0)


def test_requests_are_those_that_cmc_documents(run, answer):
    asked = answer((200, b'{"statistics": []}', 0), page(BOUNCE), END)

    run("reconcile")
    run(*BOUNCES, "--since", days_ago(3))

    bodies = [json.loads(body) for _, body in asked]
    who = {"api_user": stand_in.USER, "api_key": stand_in.KEY, "server_composition": "pro"}
    listing = who | {"start_date": days_ago(3), "end_date": days_ago(1), "r": 100}
    assert [path for path, _ in asked] == ["/statistics/list.json", *["/bounces/list.json"] * 2]
    assert bodies[0].keys() - who.keys() == {"year", "month"}
    assert bodies[1:] == [listing | {"p": 0}, listing | {"p": 1}]


ANSWERS = {
    "half a page": ((200, b'{"bounces": [{"created"', 999), "no whole answer (Chunked"),
    "half of a text": ((200, b'{"bounces": [{"created"', 0), "HTTP status 200"),
    "no text at all": ((200, b"", 0), "HTTP status 200"),
    "a number of 5,000 digits": (
        (200, b'{"bounces": [' + b"9" * 5_000 + b"]}", 0),
        "HTTP status 200",
    ),
    "nested too deep": ((200, b"[" * 100_000, 0), "HTTP status 200"),
    "a page in HTML": ((200, b"<!doctype html><p>Maintenance", 0), "HTTP status 200"),
    "errors": (
        (200, b'{"errors": [{"code": "13-006", "message": "Bad date."}]}', 0),
        "13-006",
    ),
    "the credentials in an error": (
        (401, f'{{"errors": [{{"message": "No {stand_in.KEY} of {stand_in.USER}"}}]}}'.encode(), 0),
        "No *** of ***",
    ),
    "a server error": ((500, b"{}", 0), "HTTP status 500"),
    "another address": ((302, b"{}", 0, ("Location", "/elsewhere")), "HTTP status 302"),
    "another form": ((200, b'{"bounces": "none"}', 0), "HTTP status 200"),
    "a list alone": ((200, b"[1]", 0), "HTTP status 200"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_cannot_be_used_is_one_sentence_and_stores_nothing(
    run, answer, documents, case
):
    canned, said = ANSWERS[case]
    asked = answer(canned)

    done = run(*BOUNCES, "--store")

    assert done.exit_code == 1
    assert said in done.stderr
    assert len(asked) == 1
    assert not documents()
    assert stand_in.KEY not in done.output
    assert stand_in.USER not in done.output
    assert documents("mail_statuses_reconcile") == {
        name: {"bounces": 1} for name in documents("mail_statuses_reconcile")
    }


def test_credentials_are_masked_however_they_are_written(run, answer, monkeypatch):
    key, user = "Key/of the+stand-in", "Me@example.jp"
    written = (
        "KEY/OF THE+STAND-IN Key%2fof%20the%2Bstand-in key%2Fof+the%2bstand-in me%40example.jp"
    )
    answer((401, json.dumps({"errors": [{"message": written}]}).encode(), 0))
    monkeypatch.setenv("CMC_REST_KEY", key)
    monkeypatch.setenv("CMC_REST_USER", user)

    assert "'*** *** *** ***'" in run(*BOUNCES).stderr


def test_a_server_that_is_not_there_is_one_sentence(run, use):
    use("http://127.0.0.1:1")

    done = run(*BOUNCES)

    assert (done.exit_code, "no whole answer (ConnectionError)" in done.stderr) == (1, True)
    assert stand_in.KEY not in done.output


def test_a_server_that_never_answers_is_one_sentence(run, use, monkeypatch):
    monkeypatch.setattr("cmc_webhook.reconcile.rest._TIMEOUTS_S", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(f"http://127.0.0.1:{silent.getsockname()[1]}")

        done = run(*BOUNCES)

    assert (done.exit_code, "no whole answer (ReadTimeout)" in done.stderr) == (1, True)


def test_the_pages_before_one_that_breaks_are_stored(run, answer, documents):
    answer(page(BOUNCE), ANSWERS["half a page"][0])

    done = run(*BOUNCES, "--store")

    assert (done.exit_code, len(documents())) == (1, 1)
    assert "Rows from CMC: 1. Stored what was missing: 1." in done.output


ENDS = {
    "204": [END],
    "no key": [(200, b"{}", 0)],
    "null": [(200, b'{"bounces": null}', 0)],
    "an empty list": [page()],
    "the same page again": [page(BOUNCE)],
}


@pytest.mark.parametrize("case", ENDS)
def test_every_end_of_a_listing_is_one(run, answer, documents, case):
    asked = answer(page(BOUNCE), *ENDS[case])

    done = run(*BOUNCES, "--store")

    assert done.exit_code == 0, done.output
    assert len(asked) == 2
    assert [each["status"] for each in documents().values()] == ["bounced"]


def test_a_page_shorter_than_the_one_before_ends_it(run, answer, documents):
    others = [BOUNCE | {"messageId": f"<{number}@x>"} for number in range(3)]
    asked = answer(page(*others[:2]), page(others[2]))

    assert run(*BOUNCES, "--store").exit_code == 0
    assert (len(asked), len(documents())) == (2, 3)


def test_a_page_of_more_rows_than_were_asked_for_is_stored_whole(run, answer, documents):
    answer(page(*(BOUNCE | {"messageId": f"<{number}@x>"} for number in range(250))), END)

    assert run(*BOUNCES, "--store").exit_code == 0
    assert len(documents()) == 250


def test_nulls_new_fields_and_missing_ones_are_taken_as_the_webhook_takes_them(
    run, answer, documents, quarantine
):
    odd = BOUNCE | {"subject": None, "mood": "new", "apiData": 5}
    del odd["from"]
    answer(page(odd, BOUNCE | {"to": None}, "text", more=1), END)

    done = run(*BOUNCES, "--store")

    [stored] = documents().values()
    assert (stored["status"], stored["api_data"]) == ("bounced", "5")
    assert "subject" not in stored
    assert {entry["why"] for entry in quarantine()} == {"missing_recipient", "not_an_object"}
    assert "cannot be read" in done.output


def test_identical_rows_are_one_that_is_missing(run, answer):
    answer(page(BOUNCE, BOUNCE, BOUNCE), END)

    assert "Rows from CMC: 3, missing here: 1." in run(*BOUNCES).output


def test_figures_of_an_earlier_run_are_not_shown_as_those_of_this_one(run, answer, monkeypatch):
    monkeypatch.setenv("CMC_DAILY_REQUESTS", "2")
    days = [days_ago(n) for n in range(9, 1, -1)]
    figures = {"queued": 5, "succeeded": 5, "failed": 0, "blocked": 0}
    told = [{"date": day, **figures} for day in days]
    unread = [*told[:-2], *({**each, "queued": None} for each in told[-2:])]
    answer(*((200, json.dumps({"statistics": each}).encode(), 0) for each in (told, unread)))

    assert "earlier run" not in run("reconcile").output
    assert (
        f"as CMC did not tell them in this one: {days[-2]}, {days[-1]}." in run("reconcile").output
    )


# The budget


def test_the_budget_is_never_exceeded_over_runs_and_answers(run, cmc):
    rest = cmc()
    rest.events = []

    for most in ("1", "1", "3", "2"):
        run("reconcile", "--bounces", "--yes", "--requests", most)
    for _ in range(3):
        run("reconcile")

    # Each use has its own: an empty listing takes one request, so three of bounces, one of totals.
    assert rest.requests == 2 + 1


def test_a_spent_budget_says_so(run, cmc):
    cmc()
    run("reconcile")

    done = run("reconcile")

    assert done.exit_code == 1
    assert "The requests of today are used up." in done.stderr


@pytest.fixture
def remembered(client, firestore_address):
    environ = {"FIRESTORE_EMULATOR_HOST": firestore_address, "GOOGLE_CLOUD_PROJECT": client.project}
    return memory.Memory(connect(environ, "(default)"), "mail_statuses")


def booked(remembered, most):
    """Book until it is refused; return how often it was not."""
    for number in range(most + 1):
        try:
            remembered.book("2026-11-27", "bounces", most)
        except RestError:
            return number
    raise AssertionError


def test_a_run_that_goes_on_after_midnight_in_japan_books_on_the_new_day(remembered):
    settings = RestSettings("user", "key", ("pro",), 1, "http://127.0.0.1:1")
    run = Run(settings, remembered, datetime(2026, 11, 27, 14, 59, tzinfo=UTC))
    run._began_s -= 120

    with pytest.raises(RestError):
        run._ask(1, "bounces", "pro")
    assert remembered.read("requests-2026-11-27") is None
    assert remembered.read("requests-2026-11-28").fields == {"bounces": 1}


def test_many_runs_at_once_share_one_budget(remembered):
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.append(booked(remembered, 20))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 20


def test_a_booking_whose_outcome_is_unknown_counts(client, faulty):
    environ = {"FIRESTORE_EMULATOR_HOST": faulty.address, "GOOGLE_CLOUD_PROJECT": client.project}
    uncertain = memory.Memory(connect(environ, "(default)"), "mail_statuses")
    lost = iter([Fault(after="UNAVAILABLE")])
    faulty.plan = lambda rpc: next(lost, None) if rpc == WRITE else None

    assert booked(uncertain, 3) == 2  # the lost answer was of a booking that is there

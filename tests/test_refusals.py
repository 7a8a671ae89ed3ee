"""An instance that only refuses posts says so in one ERROR line, and stays quiet otherwise."""

import json

import pytest

from cmc_webhook.refusals import FEWEST, WINDOW_S, Refusals
from tests.support.records import make_post, make_record

GOOD = {"Authorization": "Bearer the-right-key"}


def answers(*events):
    """Return what each refusal answers; an event is its time, with "+" for an accepted post."""
    refusals = Refusals()
    found = []
    for event in events:
        if isinstance(event, str):
            refusals.accept(float(event))
        else:
            found.append(refusals.refuse(event))
    return found


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((1, 2, 3, 4), [0, 0, 0, 0]),
        ((1, 2, 3, 4, 5), [0, 0, 0, 0, 5]),
        ((0, 2, 3, 4, 600), [0, 0, 0, 0, 5]),  # ten minutes, to the second
        ((0, 2, 3, 4, 601, 602), [0, 0, 0, 0, 0, 6]),  # the first is too old by now
        ((0, 151, 302, 453, 604, 755), [0] * 6),  # never five within ten minutes
        ((1, 2, 3, 4, 5, 6, 604), [0, 0, 0, 0, 5, 0, 0]),  # once in ten minutes
        ((1, 2, 3, 4, 5, *range(400, 405), 605), [0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 11]),
        (("+0", 1, 2, 3, 4, 5, 599), [0] * 6),  # one was accepted
        (("+0", 600, 601, 602, 603, 604), [0, 0, 0, 0, 5]),  # and long before
        ((1, 2, 3, 4, "+5", 6, 7), [0] * 6),
        ((1, 2, 3, 4, 5, "+6", 606, 607, 608, 609, 610), [0, 0, 0, 0, 5, 0, 0, 0, 0, 5]),
    ],
)
def test_five_in_ten_minutes_and_none_accepted(events, expected):
    assert (FEWEST, WINDOW_S) == (5, 600)
    assert answers(*events) == expected


def test_what_is_kept_does_not_grow():
    refusals = Refusals()
    for second in range(10_000):
        refusals.refuse(second)

    assert len(refusals._latest) == FEWEST


@pytest.fixture
def lines(capfd):
    """Return the log lines since the last call."""
    return lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def post(function, headers=()):
    return function.post("/", json=make_post([make_record()]), headers=headers).status_code


def test_the_function_says_so_once(make_function, lines):
    function = make_function(CMC_API_KEYS="the-right-key")
    lines()

    assert [post(function) for _ in range(12)] == [401] * 12

    first, *others = lines()
    [error] = [line for line in others if line["severity"] == "ERROR"]
    assert first["severity"] == "WARNING"
    assert (error["error"], error["status"], error["posts"]) == ("not_authenticated", 401, 5)
    assert "compare the key" in error["detail"]


def test_a_post_with_the_right_key_keeps_it_quiet(make_function, lines):
    function = make_function(CMC_API_KEYS="the-right-key")
    lines()

    assert post(function, GOOD) == 200
    assert [post(function) for _ in range(12)] == [401] * 12

    assert {line["severity"] for line in lines()} == {"INFO", "WARNING"}


def test_other_refusals_are_not_counted(make_function, lines):
    function = make_function(CMC_API_KEYS="the-right-key")
    lines()

    for _ in range(12):
        function.get("/")
        function.post("/", headers={"Content-Encoding": "gzip"})

    assert {line["severity"] for line in lines()} == {"WARNING"}


def test_the_function_for_received_mail_counts_too(make_inbound, lines):
    inbound = make_inbound(CMC_API_KEYS="the-right-key")
    lines()

    for _ in range(5):
        inbound.post("/", data=b"no mail")

    first, *_, last = lines()
    assert (first["severity"], last["severity"]) == ("WARNING", "ERROR")

"""Events of CMC's REST API give way to those of posts, in whatever order they come."""

import itertools
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmc_webhook.status import document as status
from cmc_webhook.status import history
from cmc_webhook.status.events import REST
from tests.test_document import (
    assert_what_the_next_fold_asks_is_right,
    at,
    edits,
    make_event,
    rank_of,
    split,
    utc,
)
from tests.test_document import events as posted_events


def of_rest(kind="deliveries", **changes):
    return make_event(kind, **changes)._replace(source=REST)


@st.composite
def events(draw):
    event = draw(posted_events())
    return event._replace(source=REST) if draw(st.booleans()) else event


def list_and_status(event):
    known = event.bounce_code in status.BOUNCE_CODES
    return event.record.list_name, event.status, event.bounce_code if known else ""


def the_rule(some):
    """Return what stands of *some*, written as the rule says it."""
    posted = [event for event in some if not event.source]
    standing = {}
    for event in some:
        told = list_and_status(event)
        if event.source and told not in map(list_and_status, posted):
            standing[told] = max(standing.get(told, event), event, key=lambda e: (e.at, e.id))
    return posted, [*standing.values()]


@given(st.lists(events(), min_size=1, max_size=9), st.randoms())
def test_posts_and_rest_in_any_order_and_split_give_one_document(some, rng):
    again = some + rng.choices(some, k=3)
    rng.shuffle(again)

    document = split(again, rng)

    assert document == status.fold({}, some)
    assert_what_the_next_fold_asks_is_right(document)
    assert status.changes(document, status.fold(document, some)) == {}


@given(st.lists(events(), min_size=1, max_size=10), st.randoms(), st.integers(1, 3))
def test_also_when_the_history_overflows(some, rng, most):
    patch = pytest.MonkeyPatch()
    patch.setattr(history, "HISTORY", most)
    try:
        inner = test_posts_and_rest_in_any_order_and_split_give_one_document.hypothesis
        inner.inner_test(some, rng)
    finally:
        patch.undo()


@given(st.lists(events(), min_size=1, max_size=8))
def test_one_stands_only_while_no_post_told_of_its_list_and_status(some):
    posted, standing = the_rule(some)

    stored = status.fold({}, some)["events"]

    ids = {(event.id, event.source) for event in posted + standing}
    assert {(event["id"], event.get("source", "")) for event in stored} == ids


@given(st.lists(posted_events(), min_size=1, max_size=5), st.randoms())
def test_a_document_of_posts_is_the_same_after_their_twins_of_rest(some, rng):
    """The texts that describe the mail apart, of which the greatest is kept."""
    twins = [
        event._replace(
            id=f"rest-{number}",
            at=event.at + timedelta(seconds=rng.randint(-5, 5)),
            reason=rng.choice(["", "other"]),
            sender_ip=rng.choice(["", "192.0.2.99"]),
            source=REST,
        )
        for number, event in enumerate(some)
    ]
    mixed = some + twins
    rng.shuffle(mixed)

    assert split(mixed, rng) == status.fold({}, some)


posts = st.lists(st.tuples(st.lists(events(), min_size=1, max_size=3), edits()), max_size=5)


@given(posts)
def test_nothing_goes_backwards_whatever_is_edited_between(life):
    document = {}
    for post, edit in life:
        folded = status.fold(document, post)
        assert rank_of(folded) >= rank_of(document)
        assert status.changes(folded, status.fold(folded, post)) == {}
        document = {n: v for n, v in (folded | edit).items() if v != "removed"}


def test_the_history_tells_what_came_by_rest():
    [event] = status.fold({}, [of_rest("bounces", status="2", created=at(0))])["events"]

    assert event["source"] == "rest"


def test_a_twin_takes_the_place_and_the_times_are_computed_anew():
    queued = make_event(status="queued", created=at(5))
    early = of_rest("bounces", status="2", created=at(1), reason="rest", senderIp="192.0.2.1")
    twin = make_event("bounces", status="2", created=at(9), reason="post")

    for order in itertools.permutations((queued, early, twin)):
        document = {}
        for event in order:
            document = status.fold(document, [event])
        assert (document["bounced_at"], document["status_at"]) == (utc(9), utc(9))
        assert (document["first_event_at"], document["reason"]) == (utc(5), "post")
        assert "sender_ip" not in document
        assert [event.get("source") for event in document["events"]] == [None, None]


def test_of_two_codes_that_of_the_post_decides_though_the_other_came_later():
    document = status.fold(
        {},
        [
            make_event("bounces", status="5", created=at(0), reason="full"),
            of_rest("bounces", status="2", created=at(9), reason="unknown"),
        ],
    )

    assert (document["bounce_code"], document["bounced_at"]) == ("5", utc(0))
    assert len(document["events"]) == 2


def test_the_same_record_by_both_ways_is_one_event_of_the_post():
    both = [make_event("bounces", status="2"), of_rest("bounces", status="2")]

    for order in (both, both[::-1]):
        [event] = split(order, random.Random(1))["events"]
        assert "source" not in event


def test_the_history_stays_bounded_whatever_rest_tells():
    many = [make_event(status="deferred", created=at(i % 60, i // 60)) for i in range(200)]
    codes = [of_rest("bounces", status=str(code), created=at(0)) for code in range(200)]

    stored = status.fold({}, many + codes)["events"]

    assert len(stored) == 64 + 13  # twelve codes that are known, and one that is not


def test_an_event_of_rest_displaces_none_of_the_latest_as_it_may_leave():
    many = [make_event(status="deferred", created=at(i, 1)) for i in range(60)]
    many += [make_event(status="deferred", created=at(i, 2)) for i in range(4)]
    late = of_rest("bounces", status="2", created=at(0, 3))
    twin = make_event("bounces", status="2", created=at(0))

    document = status.fold(status.fold({}, [*many, late]), [twin])

    assert document == status.fold({}, [*many, late, twin])
    assert [event["id"] for event in document["events"]] == [e.id for e in (twin, *many)]

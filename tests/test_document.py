"""The fold: which fact wins, and that a document is a function of the set of its events."""

import doctest
import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmc_webhook import text
from cmc_webhook.status import document as status
from cmc_webhook.status import history
from cmc_webhook.status.envelope import Envelope
from cmc_webhook.status.events import read_events
from tests.support import oracle
from tests.support.records import make_record

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_event(kind="deliveries", **changes):
    envelope = Envelope(event={kind: [make_record(**changes)]}, server_composition="pro")
    [event], [] = read_events(envelope, TOKYO, NOW)
    return event


def at(second, minute=0):
    return f"2025-01-25 14:{minute:02}:{second:02}"


def utc(second, minute=0):
    return datetime(2025, 1, 25, 5, minute, second, tzinfo=UTC)


# One life each, and the document written by hand.
LIVES = {
    "delivered": (
        [("deliveries", "queued", at(0)), ("deliveries", "succeeded", at(3))],
        {"status": "succeeded", "status_at": utc(3), "queued_at": utc(0), "succeeded_at": utc(3)},
    ),
    "delivered after two deferrals": (
        [
            ("deliveries", "queued", at(0)),
            ("deliveries", "deferred", at(1)),
            ("deliveries", "deferred", at(2)),
            ("deliveries", "succeeded", at(3)),
        ],
        {"status": "succeeded", "status_at": utc(3), "deferred_at": utc(2)},
    ),
    "still deferred": (
        [("deliveries", "deferred", at(1), "busy"), ("deliveries", "deferred", at(2), "full")],
        {"status": "deferred", "status_at": utc(2), "deferred_at": utc(2), "reason": "full"},
    ),
    "refused at once, then classified": (
        [
            ("deliveries", "queued", at(0)),
            ("deliveries", "failed", at(1), "550 no"),
            ("bounces", "2", at(2), "550 no"),
        ],
        {
            "status": "bounced",
            "status_at": utc(2),
            "failed_at": utc(1),
            "bounced_at": utc(2),
            "bounce_code": "2",
            "bounce_cause": "unknown_user",
            "bounce_class": "hard",
            "reason": "550 no",
        },
    ),
    "bounced hours after it was accepted": (
        [("deliveries", "succeeded", at(0)), ("bounces", "5", at(0, 59), "552 full")],
        {
            "status": "bounced",
            "status_at": utc(0, 59),
            "succeeded_at": utc(0),
            "bounce_class": "soft",
            "reason": "552 full",
        },
    ),
    "forwarding failed after it was accepted": (
        [("deliveries", "succeeded", at(0)), ("bounces", "6", at(9), "forwarded in vain")],
        {
            "status": "succeeded",
            "status_at": utc(0),
            "bounced_at": utc(9),
            "bounce_cause": "forward_error",
            "reason": "forwarded in vain",
        },
    ),
    "suppressed in the second it was queued": (
        [("deliveries", "queued", at(0)), ("bounces", "10", at(0), "is suppressed")],
        {
            "status": "suppressed",
            "status_at": utc(0),
            "suppressed_at": utc(0),
            "bounced_at": None,
            "bounce_cause": "blocked_address",
            "bounce_class": "suppressed",
        },
    ),
    "soft bounce, then a hard one": (
        [("bounces", "5", at(1), "full"), ("bounces", "2", at(2), "unknown")],
        {"status": "bounced", "bounced_at": utc(1), "bounce_class": "hard", "reason": "unknown"},
    ),
    "a bounce without a reason after a failure with one": (
        [("deliveries", "failed", at(1), "554 spam"), ("bounces", "4", at(2))],
        {"status": "bounced", "bounce_cause": "rejected", "reason": "554 spam"},
    ),
    "an unknown word never wins": (
        [("deliveries", "parked", at(9)), ("deliveries", "queued", at(0))],
        {"status": "queued", "status_at": utc(0)},
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_the_lives_of_a_mail_in_every_order(name):
    life, expected = LIVES[name]
    events = [make_event(kind, status=s, created=c, reason="".join(r)) for kind, s, c, *r in life]

    for order in itertools.permutations(events):
        document = {}
        for event in order:
            document = status.fold(document, [event])
        assert {field: document.get(field) for field in expected} == expected


def differences_from_the_oracle(some):
    records = [(event.record.list_name, event.record.value) for event in some]
    [expected] = oracle.outcome(records, "pro", TOKYO).documents.values()
    return oracle.differences(expected, status.fold({}, some))


WORDS = [("deliveries", word) for word in ("parked", "queued", "deferred", "succeeded", "failed")]
WORDS += [("bounces", code) for code in ("1", "6", "11")]


@pytest.mark.parametrize("earlier", WORDS)
@pytest.mark.parametrize("later", WORDS)
def test_of_each_two_statuses_the_one_that_the_oracle_names_wins(earlier, later):
    kinds = ((earlier, at(0)), (later, at(50)))
    some = [make_event(kind, status=word, created=created) for (kind, word), created in kinds]

    assert differences_from_the_oracle(some) == {}


def test_of_two_bounces_in_one_second_the_greater_event_id_wins():
    bounces = [make_event("bounces", status=code, created=at(0)) for code in ("1", "4", "5", "9")]
    greatest = max(bounces, key=lambda event: event.id)

    assert status.fold({}, bounces)["bounce_code"] == greatest.bounce_code


statuses = st.sampled_from(["queued", "deferred", "succeeded", "failed", "parked"])
codes = st.sampled_from(["1", "2", "6", "10", "11", "99", "77", ""])
kinds = st.one_of(st.tuples(st.just("deliveries"), statuses), st.tuples(st.just("bounces"), codes))
moments = st.integers(0, 3).map(at)  # few, so that ties are the rule
texts = st.sampled_from(["", "a", "日本", "z"])


@st.composite
def events(draw):
    kind, word = draw(kinds)
    changes = {name: draw(texts) for name in ("reason", "senderIp", "subject", "apiData", "from")}
    return make_event(kind, status=word, created=draw(moments), **changes)


def split(some, random):
    """Fold *some* in posts of any length, each into what was read or what the last fold left."""
    document, start = {}, 0
    while start < len(some):
        end = random.randint(start + 1, len(some))
        fold = random.choice([status.fold, status.fold_valid])
        document = fold(document, some[start:end])
        start = end
    return document


def assert_what_the_next_fold_asks_is_right(document):
    kept = document["events"]
    counted = history.History.of(kept)
    assert [*counted] == kept
    for name in history.History.__slots__:
        assert getattr(kept, name) == getattr(counted, name), name


@given(st.lists(events(), min_size=1, max_size=8), st.randoms())
def test_a_document_is_a_function_of_the_set_of_its_events(some, random):
    whole = status.fold({}, some)
    again = some + random.choices(some, k=3)
    random.shuffle(again)

    document = split(again, random)

    assert document == whole
    assert_what_the_next_fold_asks_is_right(document)
    assert status.changes(document, status.fold(document, some)) == {}


@given(st.lists(events(), min_size=1, max_size=9), st.randoms())
def test_and_stays_one_when_the_history_overflows(some, random):
    patch = pytest.MonkeyPatch()
    patch.setattr(history, "HISTORY", random.randint(1, 3))
    try:
        test_a_document_is_a_function_of_the_set_of_its_events.hypothesis.inner_test(some, random)
    finally:
        patch.undo()


def test_of_two_records_with_one_id_in_a_post_the_first_stands_as_of_two_posts():
    one, other = (make_event(status="failed", reason=f"{'x' * 4096}{end}") for end in "AB")
    assert one.id == other.id

    apart = status.fold(status.fold({}, [one]), [other])

    assert status.fold({}, [one, other]) == apart


class Untouched(dict):
    """An event that nobody may look at."""

    def __getitem__(self, name):
        raise AssertionError(name)

    get = __eq__ = __getitem__


def test_the_next_fold_looks_at_the_last_event_and_those_that_decide_only():
    held = status.fold({}, [make_event(), *many_deferrals(60)])
    seen = [held["events"][-1], *filter(None, held["events"].deciders)]
    for number, event in enumerate(held["events"]):
        if not any(event is each for each in seen):
            held["events"][number] = Untouched(event)

    late = make_event(status="succeeded", created=at(0, 59))
    folded = status.fold_valid(held, [late])

    assert status.changes(held, folded)["succeeded_at"] == late.at
    assert [each["id"] for each in folded["events"][-1:]] == [late.id]
    assert folded["events"].ids == held["events"].ids | {late.id}


@given(st.lists(events(), min_size=1, max_size=8))
def test_agrees_with_the_naive_oracle(some):
    assert differences_from_the_oracle(some) == {}


def test_an_event_at_the_earliest_time_has_a_day():
    event = make_event(status="queued", created="2000-01-01T00:00:00Z")

    document = status.fold({}, [event])

    assert (document["queued_on"], document["queued_at"]) == ("2000-01-01", event.at)


def test_the_history_keeps_the_latest_64_and_what_decides():
    bounce = make_event("bounces", status="2", created=at(0), reason="unknown user")
    deferrals = [
        make_event(status="deferred", created=at(i % 60, 1 + i // 60), reason=f"busy {i}")
        for i in range(200)
    ]

    document = status.fold(status.fold({}, [bounce, *deferrals[:120]]), deferrals[120:])

    history = document["events"]
    assert len(history) == 65
    assert history[0]["id"] == bounce.id
    assert [event["id"] for event in history[1:]] == [event.id for event in deferrals[-64:]]
    assert document["status"] == "bounced"
    assert document["reason"] == "unknown user"


def many_deferrals(count):
    return [make_event(status="deferred", created=at(i % 60, 1 + i // 60)) for i in range(count)]


def test_a_success_outlives_any_number_of_later_deferrals():
    success = make_event(status="succeeded", created=at(0))
    document = status.fold({}, [success])
    for deferral in many_deferrals(70):
        document = status.fold(document, [deferral])

    assert document["status"] == "succeeded"
    assert len(document["events"]) == 65


def test_three_deciders_are_kept_besides_the_latest_64():
    deciders = [
        make_event(status="failed", created=at(0), reason="554 why"),
        make_event(status="failed", created=at(1)),
        make_event("bounces", status="6", created=at(2)),
    ]
    document = status.fold(status.fold({}, deciders), many_deferrals(64))

    assert len(document["events"]) == 67
    assert document["status"] == "failed"
    assert document["status_at"] == utc(1)
    assert document["reason"] == "554 why"
    assert document["bounce_code"] == "6"


def test_four_deciders_are_kept_besides_the_latest_64():
    sender = make_event(status="failed", created=at(0), senderIp="192.0.2.1")
    others = [
        make_event(status="failed", created=at(1), reason="554 why"),
        make_event(status="failed", created=at(2)),
        make_event("bounces", status="6", created=at(3)),
    ]
    document = status.fold(status.fold({}, [sender, *others]), many_deferrals(64))

    assert len(document["events"]) == 68
    assert document["sender_ip"] == "192.0.2.1"


def test_the_sender_is_that_of_the_deciding_attempt():
    attempts = [
        make_event(status="deferred", created=at(1), senderIp="192.0.2.9"),
        make_event(status="failed", created=at(2), senderIp="100.100.100.3"),
    ]

    assert status.fold({}, attempts)["sender_ip"] == "100.100.100.3"


def test_a_repeat_under_another_zone_changes_nothing():
    event = make_event(status="deferred", created=at(0))
    held = status.fold({}, [event])
    envelope = Envelope(event={"deliveries": [event.record.value]}, server_composition="pro")
    [later], [] = read_events(envelope, ZoneInfo("UTC"), NOW)

    assert status.changes(held, status.fold(held, [later])) == {}


def test_words_that_differ_in_case_are_two_events():
    two = [make_event(status="Parked"), make_event(status="parked")]

    assert status.fold({}, two) == status.fold({}, two[::-1])
    assert len(status.fold({}, two)["events"]) == 2


def test_a_delivery_and_a_bounce_of_one_second_are_two_events():
    assert make_event("deliveries", status="2").id != make_event("bounces", status="2").id


def test_no_history_can_reach_the_limit_of_a_document():
    longest = {"reason": "語" * 2000, "senderIp": "9" * 300, "created": "2025-01-25 14:00:00"}
    many = [make_event("bounces", status=f"{i}{'8' * 300}", **longest) for i in range(70)]

    document = status.fold({}, many)

    size = sum(len(str(value).encode()) for event in document["events"] for value in event.values())
    assert size < 700_000


def test_an_event_that_is_held_keeps_its_time():
    event = make_event(created=at(0))
    held = status.fold({}, [event])
    for changed in (held, held["events"][0]):
        changed["status_at" if changed is held else "at"] += timedelta(hours=9)

    [stored] = status.fold(held, [event])["events"]
    assert stored["at"] == event.at + timedelta(hours=9)


def test_what_a_newer_version_has_written_is_kept():
    held = status.fold({}, [make_event()])
    held["schema_version"] = 7
    held["events"][0]["mood"] = "new"

    folded = status.fold(held, [make_event(status="succeeded", created=at(9))])

    assert folded["schema_version"] == 7
    assert [event.get("mood") for event in folded["events"]] == [None, "new"]


@pytest.mark.parametrize(
    "broken",
    [
        {"events": "none"},
        {"events": [{"at": "yesterday", "id": "1", "status": "queued"}]},
        {"events": [{"id": "1", "status": "queued"}]},
        {"queued_at": "2025"},
        {"subject": 5},
    ],
)
def test_a_document_that_another_writer_broke_is_refused(broken):
    with pytest.raises(status.UnreadableDocumentError):
        status.fold(broken, [make_event()])


def test_the_worked_examples_hold():
    for module in (status, text):
        assert doctest.testmod(module).failed == 0


def test_document_ids_are_distinct_and_allowed():
    odd = [
        "<a/b@c>",
        "<a_b@c>",
        "a_b@c",
        "<.>",
        "<..>",
        "<__x__>",
        "<日本>",
        "<%2F>",
        "<" + "x" * 999,
    ]
    ids = [status.document_id("pro", message_id, "u@example.jp") for message_id in odd]
    ids += [status.document_id("sandbox", odd[0], "u@example.jp")]
    ids += [status.document_id("pro", odd[0], "v@example.jp")]

    assert len(set(ids)) == len(ids)
    for document_id in ids:
        assert not {"/", "%"} & set(document_id)
        assert len(document_id) <= 230
        assert document_id[4] == "-"


# Another writer edits a document between posts. The stored verdict is a floor.

BOUNCED = [
    make_event(status="queued", created=at(0)),
    make_event("bounces", status="2", created=at(1), reason="550 no such user"),
]
LATE_DEFERRAL = make_event(status="deferred", created=at(30), reason="busy")
EDITS = {
    "events removed": {"events": None},
    "events emptied": {"events": []},
    "the deciding event removed": {"events": status.fold({}, BOUNCED[:1])["events"]},
    "events and time removed": {"events": None, "status_at": None},
    "everything but the verdict removed": dict.fromkeys(
        {*status.FIELDS} - {"status", "status_at", "bounce_code", "reason"}
    ),
}


@pytest.mark.parametrize("removed", ["null", "absent"])
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("late", [LATE_DEFERRAL, BOUNCED[0]], ids=["deferral", "queued again"])
def test_a_bounce_stays_a_bounce_after_an_edit(edit, removed, late):
    held = status.fold({}, BOUNCED) | EDITS[edit]
    if removed == "absent":
        held = {name: value for name, value in held.items() if value is not None}

    document = status.fold(held, [late])

    assert document["status"] == "bounced"
    assert (document["bounce_code"], document["bounce_class"]) == ("2", "hard")
    assert document["reason"] == "550 no such user"
    assert status.changes(document, status.fold(document, [late])) == {}


def test_a_success_stays_one_when_its_events_are_gone():
    held = status.fold({}, [make_event(status="succeeded", created=at(3))])
    del held["events"]

    document = status.fold(held, [LATE_DEFERRAL])

    assert (document["status"], document["status_at"]) == ("succeeded", utc(3))


def test_a_bounce_code_survives_beside_a_success():
    held = status.fold(
        {},
        [
            make_event(status="succeeded", created=at(1)),
            make_event("bounces", status="6", created=at(2), reason="forwarded in vain"),
        ],
    )
    held["events"] = None

    document = status.fold(held, [make_event(status="queued", created=at(0))])

    assert (document["status"], document["bounce_code"]) == ("succeeded", "6")
    assert document["reason"] == "forwarded in vain"


def test_a_verdict_that_an_operator_sets_is_a_floor_too():
    held = status.fold({}, BOUNCED[:1]) | {"status": "bounced", "bounce_code": "2"}

    document = status.fold(held, [LATE_DEFERRAL])

    assert (document["status"], document["bounce_code"]) == ("bounced", "2")


def test_a_removed_time_comes_back_with_the_next_event():
    held = status.fold({}, BOUNCED)
    del held["bounced_at"]

    assert status.fold(held, [LATE_DEFERRAL])["bounced_at"] == utc(1)


def test_null_is_an_absent_field():
    held = status.fold({}, BOUNCED[:1]) | {"subject": None, "reason": None, "bounced_at": None}
    held["events"][0]["reason"] = None

    assert status.fold(held, BOUNCED)["status"] == "bounced"


RANKS = {word: rank for rank, word in enumerate(oracle.ORDER)}


def rank_of(document):
    forward = document.get("status") == "bounced" and document.get("bounce_code") == "6"
    return RANKS.get("forward error" if forward else document.get("status"), -1)


edited_values = {
    "status": st.sampled_from(["queued", "deferred", "succeeded", "failed", "bounced", ""]),
    "bounce_code": st.sampled_from(["2", "5", "6", "10", ""]),
    "status_at": st.sampled_from([utc(0), utc(2), utc(50)]),
    "reason": texts,
    "sender_ip": texts,
    "subject": texts,
    "events": st.just([]),
}


@st.composite
def edits(draw):
    """Changes by another writer: fields removed, nulled, emptied or set."""
    fields = draw(st.lists(st.sampled_from(status.FIELDS), max_size=4, unique=True))
    gone = st.sampled_from(["removed", None])
    return {f: draw(st.one_of(gone, edited_values.get(f, gone))) for f in fields}


@given(st.lists(st.tuples(st.lists(events(), min_size=1, max_size=3), edits()), max_size=5))
def test_nothing_goes_backwards_whatever_is_edited_between_posts(life):
    document = {}
    for post, edit in life:
        folded = status.fold(document, post)
        assert rank_of(folded) >= rank_of(document)
        # A bounce without a code outranks one with: the law, edited or not.
        bounces = [event for event in folded["events"] if event["status"] == "bounced"]
        codeless = any("bounce_code" not in event for event in bounces)
        if document.get("bounce_code") and not codeless:
            assert folded.get("bounce_code")
        assert status.changes(folded, status.fold(folded, post)) == {}
        document = {n: v for n, v in (folded | edit).items() if v != "removed"}

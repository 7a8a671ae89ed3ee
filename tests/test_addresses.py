"""Whom not to mail: a document is a function of its facts, the rule line by line, one verdict."""

import doctest
import itertools
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.texts import LANGUAGES, Texts, load
from cmc_webhook.reading.verdicts import (
    Verdict,
    cause_text,
    end_text,
    sentence,
    verdict_of,
)
from cmc_webhook.status import addresses
from cmc_webhook.status.addresses import address_id, changes, decide, described, fold
from cmc_webhook.status.diagnosis import Diagnosis
from cmc_webhook.status.document import UnreadableDocumentError
from cmc_webhook.status.pending import by_address
from cmc_webhook.status.stop_rule import NO_END, OPERATOR, RULE, STOP_CAUSES, kind_of
from tests.test_document import at as second
from tests.test_document import make_event

TOKYO = ZoneInfo("Asia/Tokyo")
ADDRESS = "user@example.jp"
NEW = described(ADDRESS)
MIDNIGHT = datetime(2025, 6, 1, tzinfo=TOKYO).astimezone(UTC)
KINDS = ["hard", "doubtful", "soft", "recipient", "blocked", "unsubscribed"]


def on(day, hours=12.0, seconds=0):
    """Return the time so many *hours* into a day, in Japan; day 0 is 1 June 2025."""
    return MIDNIGHT + timedelta(days=day, hours=hours, seconds=seconds)


def make_fact(at, kind="hard", **fields):
    name = f"{kind} {at:%y%m%d%H%M%S}"
    return {"at": at, "event": name, "mail": name, "kind": kind, **fields}


def facts_on(kind, *days):
    return [make_fact(on(day), kind) for day in days]


def end(facts, operator=None):
    """Return cause and end of the stop as stored, the end in days from midnight of day 0."""
    document = fold(NEW | ({"operator": operator} if operator else {}), facts)
    until = document.get("stop_until")
    if until is None:
        assert "stop_cause" not in document
        return None
    return document["stop_cause"], "never" if until == NO_END else (until - MIDNIGHT).days


def decided(decision, at):
    return {"decision": decision, "at": at}


# The rule, each line on both sides of each edge. A stop runs from 00:00 in Japan of its last day.


@pytest.mark.parametrize(
    ("kind", "days", "expected"),
    [
        ("hard", [0], ("hard", 30)),
        ("hard", [0, 1], ("hard", "never")),
        ("hard", [0, 365], ("hard", "never")),
        ("hard", [0, 366], ("hard", 366 + 30)),
        ("hard", [0, 365, 800], ("hard", "never")),
        ("doubtful", [0], None),
        ("doubtful", [0, 1], ("doubtful", 1 + 90)),
        ("doubtful", [0, 365], ("doubtful", 365 + 90)),
        ("doubtful", [0, 366], None),
        ("soft", [0, 1], None),
        ("soft", [0, 1, 2], ("soft", 2 + 30)),
        ("soft", [0, 15, 30], ("soft", 30 + 30)),
        ("soft", [0, 15, 31], None),
        # A later failure on its own does not end a stop.
        ("soft", [0, 1, 29, 35], ("soft", 29 + 30)),
        ("recipient", [0, 1, 2, 3], None),
        ("blocked", [0, 1, 2, 3], None),
        ("unsubscribed", [0, 1, 2, 3], None),
    ],
)
def test_each_line_of_the_rule(kind, days, expected):
    assert end(facts_on(kind, *days)) == expected


@pytest.mark.parametrize(
    ("first", "later", "days"),
    [
        (on(0, 0), on(0, 24, -1), 1),  # the first and the last second of a day in Japan
        (on(0, 24, -1), on(1, 0), 2),
        (on(0, 8.9), on(0, 9.1), 1),  # UTC's day begins at 09:00 in Japan
    ],
)
def test_days_are_counted_in_japan(first, later, days):
    facts = [make_fact(first), make_fact(later)]

    assert end(facts) == ("hard", 30 if days == 1 else "never")
    assert len(fold(NEW, facts)["facts"]) == days


def test_the_last_day_of_a_window_counts_whole():
    for kind, within, last in (("hard", 365, 365), ("doubtful", 365, 365), ("soft", 30, 30)):
        between = [make_fact(on(5), kind)] if kind == "soft" else []
        early, late = make_fact(on(0, 24, -1), kind), make_fact(on(last, 24, -1), kind)
        too_late = make_fact(on(within + 1, 0), kind)

        assert end([early, *between, late])
        assert end([early, *between, late]) != end([early, *between, too_late])


def test_a_mail_counts_once_on_the_latest_of_its_days():
    """Its two bounces may lie on both sides of midnight."""
    twice = [make_fact(at, mail="one") for at in (on(0, 24, -1), on(1, 0, 1))]

    assert end(twice) == ("hard", 31)
    assert end([*twice, make_fact(on(1, 5), mail="other")]) == ("hard", "never")


def test_a_failure_before_midnight_and_its_bounce_after_it_are_one_day():
    failed = make_event(status="failed", created="2025-06-01 23:59:59", reason="550 5.1.1 no")
    bounced = make_event(
        "bounces", status="2", created="2025-06-02 00:00:01", reason="550 5.1.1 no"
    )

    [pending] = by_address([failed, bounced]).values()

    document = pending.fold({})
    assert [fact["event"] for fact in document["facts"]] == [bounced.id]
    assert document["stop_until"] == on(1 + 30, 0)


def test_the_latest_end_decides_and_of_equal_ends_the_first_line():
    soft, doubtful = facts_on("soft", 58, 59, 60), facts_on("doubtful", -10, 0)

    assert end([*soft, *doubtful]) == ("doubtful", 90) == end(facts_on("doubtful", -10, 0))
    assert end([*soft, *facts_on("hard", 60)]) == ("hard", 90)
    assert end([*facts_on("soft", 68, 69, 70), *doubtful]) == ("soft", 100)


def test_an_operators_allow_settles_what_was_before_it():
    facts = facts_on("hard", 0, 1)
    allow = decided("allow", facts[1]["at"])

    assert end(facts, allow) is None
    assert end(facts, decided("allow", allow["at"] - timedelta(microseconds=1))) == ("hard", 31)


def test_a_bounce_later_on_the_day_of_the_allow_counts():
    facts = [make_fact(on(0, 9)), make_fact(on(0, 11))]

    assert end(facts, decided("allow", on(0, 10))) == ("hard", 30)
    assert end(facts, decided("allow", on(0, 11))) is None


def test_a_block_stands_until_it_is_taken_back():
    block = decided("block", on(0))

    assert end([], block) == (OPERATOR, "never")
    assert end(facts_on("hard", 0), block) == (OPERATOR, "never")
    assert end(facts_on("hard", 0, 1), block) == ("hard", "never")
    held = fold(NEW | {"operator": block}, facts_on("hard", 0))
    assert decide(held, None) == fold(NEW, facts_on("hard", 0))


def test_a_decision_and_its_stop_are_written_together():
    held = fold(NEW, facts_on("hard", 0))

    changed = changes(held, decide(held, decided("allow", on(0, 13))))

    operator = decided("allow", on(0, 13))
    assert changed == {"stop_until": None, "stop_cause": None, "operator": operator}
    assert changes(
        {}, decide(NEW, decided("block", on(0)) | {"note": "asked by phone"})
    ).keys() == {*("to", "to_domain", "operator", "stop_until", "stop_cause")}


def test_an_unsubscription_is_of_a_composition_and_stops_nothing():
    facts = [
        make_fact(on(day), "unsubscribed", server_composition=composition)
        for day, composition in enumerate(["b", "a", "b", "c", "d", "e", "f"])
    ]
    document = fold(NEW, facts)

    assert document["unsubscribed_from"] == ["a", "b", "c", "d", "e", "f"]
    assert len(document["facts"]) == 6
    assert "stop_until" not in document
    # CMC says it again at the next mail, unless the recipient has subscribed there again.
    settled = decide(document, decided("allow", on(1)))
    assert settled["unsubscribed_from"] == ["b", "c", "d", "e", "f"]


# Which fact a bounce makes.

WITHOUT_DIAGNOSIS = {
    **dict.fromkeys(["2", "9"], "hard"),
    **dict.fromkeys(["1", "99"], "doubtful"),
    **dict.fromkeys(["3", "5", "7"], "soft"),
    **dict.fromkeys(["4", "6", "8", "12", ""], None),
    "10": "blocked",
    "11": "unsubscribed",
}
WITH_DIAGNOSIS = {
    **dict.fromkeys(Diagnosis, None),
    "unknown_user": "hard",
    "recipient_filter": "recipient",
    "suspended": "doubtful",
    "mailbox_full": "soft",
    "receiver_trouble": "soft",
}


@pytest.mark.parametrize("code", WITHOUT_DIAGNOSIS)
def test_the_kind_by_code(code):
    assert kind_of(code, None, "example.jp") == WITHOUT_DIAGNOSIS[code]
    for domain in ("docomo.ne.jp", "ezweb.ne.jp"):
        expected = "doubtful" if code == "2" else WITHOUT_DIAGNOSIS[code]
        assert kind_of(code, None, domain) == expected


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_a_diagnosis_goes_before_the_code(diagnosis):
    for code in ("2", "4", "99"):
        assert kind_of(code, diagnosis, "example.jp") == WITH_DIAGNOSIS[diagnosis]


def bounce(code="2", **changes):
    return make_event("bounces", status=code, **changes)


def kinds(*events):
    return [f["kind"] for each in by_address(events).values() for f in each.fold({})["facts"]]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (bounce(), ["hard"]),
        (bounce(reason="550 5.7.26 unauthenticated"), []),
        (bounce("4", reason="550 5.7.1 blocked using a list"), []),
        (bounce("4", reason="550 5.1.1 no such user"), ["hard"]),
        (bounce("6", reason="550 5.1.1 no such user"), []),
        (bounce(to="a@docomo.ne.jp", reason="550 Unknown user a@docomo.ne.jp"), ["doubtful"]),
        (
            bounce(
                to="a@docomo.ne.jp", reason="550 Unknown user (in reply to end of DATA command)"
            ),
            ["recipient"],
        ),
        (make_event(status="failed", reason="550 5.1.1 no such user"), []),
        (make_event(status="succeeded"), []),
    ],
)
def test_the_fact_of_an_event(event, expected):
    assert kinds(event) == expected


def test_what_a_fact_holds():
    reason = f"552 5.2.2 {'x' * 2000} (in reply to RCPT TO command)"
    event = bounce("5", reason=reason, created=second(5), to="User@Example.JP")

    [(document_id, pending)] = by_address([event]).items()
    [fact] = pending.fold({})["facts"]

    assert document_id == address_id("user@example.jp") == address_id("USER@EXAMPLE.JP")
    assert len(fact.pop("reason").encode()) <= 512
    assert fact == {
        "at": event.at,
        "event": event.id,
        "mail": "16ed-mail@example.com.665e7713da449845",
        "kind": "soft",
        "cause": "over_capacity",
        "diagnosis": "mailbox_full",
        "server_composition": "pro",
    }


def test_mails_for_trying_make_no_facts():
    history = {"at": on(0), "id": "1", "status": "bounced", "bounce_code": "2"}

    for composition, is_fact in (("simulator", False), ("check", False), ("pro", True)):
        found = addresses.fact_of(history, "mail", {"server_composition": composition})
        assert bool(found) is is_fact


def test_an_address_stays_as_it_is():
    for address in ("foo..bar@docomo.ne.jp", '"a b"@x.jp', "a+b@x.jp", "=1+1@x.jp", "-x@x.jp"):
        assert described(address)["to"] == address
    assert len({address_id(a) for a in ("a.b@x.jp", "ab@x.jp", "a+b@x.jp", "a@x.jp")}) == 4


# The law: a document is a function of the set of its facts.


@st.composite
def facts(draw):
    day, hour = draw(st.integers(0, 7)), draw(st.sampled_from([0, 8, 9, 23]))
    kind, mail = draw(st.sampled_from(KINDS)), draw(st.sampled_from("abc"))
    number = draw(st.integers(0, 1))
    # An event id holds all but the mail, which holds the composition.
    event = f"{kind}-{day}-{hour}-{number}"
    return {
        "at": on(day * 13, hour),
        "event": event,
        "mail": mail,
        "kind": kind,
        "server_composition": mail,
    }


operators = st.one_of(
    st.none(),
    st.builds(decided, st.sampled_from(["allow", "block"]), st.integers(0, 90).map(on)),
)


@given(st.lists(facts(), min_size=1, max_size=12), operators, st.randoms())
def test_a_document_is_a_function_of_the_set_of_its_facts(some, operator, random):
    new = NEW | ({"operator": operator} if operator else {})
    whole = fold(new, some)
    again = some + random.choices(some, k=3)
    random.shuffle(again)

    document, start = new, 0
    while start < len(again):  # split into posts anywhere
        until = random.randint(start + 1, len(again))
        document = fold(document, again[start:until])
        start = until

    assert document == whole
    assert changes(document, fold(document, some)) == {}


@given(st.lists(facts(), min_size=1, max_size=12), operators, st.randoms())
def test_and_stays_one_for_small_caps(some, operator, random):
    patch = pytest.MonkeyPatch()
    patch.setattr(addresses, "DAYS", random.randint(1, 3))
    try:
        test_a_document_is_a_function_of_the_set_of_its_facts.hypothesis.inner_test(
            some, operator, random
        )
    finally:
        patch.undo()


def day(fact):
    return (fact["at"] + timedelta(hours=9)).date()


def moment(fact):
    return fact["at"], fact["event"], fact["mail"]


def naive(some):
    """Return what is kept of *some* and the stop that follows, written a second time."""
    kept = []
    for kind in KINDS[:-1]:
        of_kind = [fact for fact in some if fact["kind"] == kind]
        for each in sorted({day(fact) for fact in of_kind})[-4:]:
            kept.append(max((f for f in of_kind if day(f) == each), key=moment))
    refusals = [fact for fact in some if fact["kind"] == "unsubscribed"]
    for composition in {fact["server_composition"] for fact in refusals}:
        of_one = (f for f in refusals if f["server_composition"] == composition)
        kept.append(max(of_one, key=moment))
    ends = []
    for order, (kind, number, within, length) in enumerate(RULE):
        days = {}
        for fact in sorted(kept, key=moment):
            if fact["kind"] == kind:
                days[fact["mail"]] = day(fact)
        for chosen in itertools.combinations(sorted(set(days.values())), number):
            if chosen[-1] - chosen[0] <= timedelta(days=within):
                last = date.max if length is None else chosen[-1] + timedelta(days=length)
                ends.append((last, -order, kind))
    return sorted(kept, key=moment), max(ends, default=None)


@given(st.lists(facts(), max_size=12))
def test_agrees_with_a_naive_second_implementation(some):
    distinct = {(fact["event"], fact["mail"]): fact for fact in some}
    kept, stop = naive(list(distinct.values()))

    document = fold(NEW, some)

    assert document.get("facts", []) == kept
    assert document.get("stop_cause") == (stop and stop[2])
    until = document.get("stop_until")
    assert (until and until.astimezone(TOKYO).date()) == (stop and stop[0])


def test_one_event_of_two_compositions_is_an_unsubscription_of_both():
    """An event id does not hold the composition, the id of the mail does."""
    both = [
        make_fact(
            on(0), "unsubscribed", mail=f"mail of {composition}", server_composition=composition
        )
        for composition in ("pro", "news")
    ]

    assert fold(NEW, both)["unsubscribed_from"] == ["news", "pro"]
    assert fold(NEW, both) == fold(fold(NEW, both[:1]), both[1:]) == fold(NEW, both[::-1])


def test_a_held_fact_keeps_its_kind():
    held = fold(NEW, [make_fact(on(0), "soft", event="1", mail="1")])

    assert fold(held, [make_fact(on(0), "hard", event="1", mail="1")]) == held


def test_a_document_keeps_four_days_of_each_kind():
    document = fold(NEW, [f for kind in KINDS[:-1] for f in facts_on(kind, *range(9))])

    assert len(document["facts"]) == 4 * 5
    assert {fact["at"] for fact in document["facts"]} == {on(each) for each in range(5, 9)}


def test_what_a_newer_version_has_written_is_kept():
    newer = make_fact(on(0), "complained", mood="new")
    held = NEW | {"facts": [newer], "operator": decided("block", on(0)) | {"by": "desk"}}

    document = fold(held, facts_on("hard", 1))

    assert document["facts"][0] == newer
    assert document["operator"]["by"] == "desk"


@pytest.mark.parametrize(
    "broken",
    [
        {"facts": "none"},
        {"facts": [{"at": "yesterday", "event": "1", "mail": "1", "kind": "hard"}]},
        {"facts": [{"event": "1"}]},
        {"operator": "block"},
        {"operator": {"decision": "Block", "at": on(0)}},
        {"operator": {"decision": "allow"}},
        {"stop_until": "tomorrow"},
    ],
)
def test_a_document_that_another_writer_broke_is_refused(broken):
    with pytest.raises(UnreadableDocumentError):
        fold(NEW | broken, facts_on("hard", 0))


def test_null_is_an_absent_field():
    held = fold(NEW, facts_on("hard", 0)) | {"operator": None, "unsubscribed_from": None}

    assert fold(held, facts_on("hard", 1))["stop_until"] == NO_END


@pytest.mark.parametrize("year", [1, 9999])
def test_any_time_that_somebody_stored_is_taken(year):
    odd = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    held = NEW | {"facts": [make_fact(odd)], "operator": decided("allow", odd)}

    document = fold(held, facts_on("hard", 0))

    assert len(document["facts"]) == 2
    assert fold(NEW | {"facts": [make_fact(odd)]}, ())["stop_cause"] == "hard"


def test_the_worked_example_holds():
    assert doctest.testmod(addresses).failed == 0


# One verdict for people.


def stored(fields, unreadable=()):
    return Document(
        "id", {n: v for n, v in fields.items() if n not in unreadable}, fields, unreadable
    )


def read(facts, now, operator=None):
    return verdict_of(stored(fold(NEW | ({"operator": operator} if operator else {}), facts)), now)


def test_an_address_without_a_document_may_be_mailed():
    assert verdict_of(None, on(0)).allows()
    assert verdict_of(None, on(0)).allows("pro")


def test_a_stop_ends_by_itself():
    facts = facts_on("hard", 0)

    for now, allowed in ((on(30, 0, -1), False), (on(30, 0), True)):
        assert read(facts, now).allows() is allowed
    assert read(facts, on(1)) == Verdict(
        cause="hard", since=on(0, 0), until=on(30, 0), line=RULE[0], last_fact_at=on(0)
    )


def test_the_verdict_on_each_cause():
    hard = read(facts_on("hard", 0, 1), on(2))
    assert (hard.cause, hard.since, hard.until, hard.line) == ("hard", on(1, 0), None, RULE[1])
    block = read([], on(2), decided("block", on(0)))
    assert (block.cause, block.since, block.until, block.line) == (OPERATOR, on(0), None, None)
    refused = make_fact(on(0), "unsubscribed", server_composition="news")
    unsubscribed = read([refused, *facts_on("blocked", 1)], on(2))
    allowed = {name: unsubscribed.allows(name) for name in (None, "pro", "news")}
    assert allowed == {None: True, "pro": True, "news": False}
    assert unsubscribed.blocked_at == on(1)


def test_a_stop_that_the_facts_do_not_explain_stands():
    held = fold(NEW, facts_on("hard", 0)) | {"stop_until": on(90)}

    expected = Verdict(cause="hard", until=on(90), last_fact_at=on(0))
    assert verdict_of(stored(held), on(80)) == expected
    assert verdict_of(stored({"stop_until": on(90)}), on(80)).cause == "unknown"


@pytest.mark.parametrize("field", ["stop_until", "unsubscribed_from"])
def test_an_address_whose_document_cannot_be_read_is_not_mailed(field):
    verdict = verdict_of(stored(fold(NEW, facts_on("hard", 0)) | {field: 5}, (field,)), on(99))

    assert not verdict.allows()
    assert verdict.cause == "unreadable"


CAUSES = {
    "hard for 30 days": facts_on("hard", 0),
    "hard": facts_on("hard", 0, 1),
    "doubtful": facts_on("doubtful", 0, 1),
    "soft": facts_on("soft", 0, 1, 2),
    "none": [],
}


def test_the_sentence_has_the_numbers_of_the_rule():
    said = {
        name: [sentence(read(facts, on(3)), Texts(language), TOKYO) for language in LANGUAGES]
        for name, facts in CAUSES.items()
    }

    assert said == {
        "hard for 30 days": [
            "Do not mail this address until 2025-07-01 00:00: permanent errors.",
            "2025-07-01 00:00まで送信対象外です。理由:恒久的なエラー。",
        ],
        "hard": [
            "Do not mail this address without end: permanent errors on 2 days within 365 days.",
            "期限なしで送信対象外です。理由:恒久的なエラー(365日以内に2日)。",
        ],
        "doubtful": [
            "Do not mail this address until 2025-08-31 00:00:"
            " errors that may be permanent on 2 days within 365 days.",
            "2025-08-31 00:00まで送信対象外です。"
            "理由:恒久的とは確定できないエラー(365日以内に2日)。",
        ],
        "soft": [
            "Do not mail this address until 2025-07-03 00:00:"
            " temporary errors on 3 days within 30 days.",
            "2025-07-03 00:00まで送信対象外です。理由:一時的なエラー(30日以内に3日)。",
        ],
        "none": [
            "Nothing on record stops mail to this address.",
            "送信対象外とする記録はありません。",
        ],
    }


CODES = [*WITHOUT_DIAGNOSIS, "77"]
REASONS = [
    "",
    "550 5.1.1 no",
    "552 5.2.2 full",
    "550 5.7.26 auth",
    "550 Unknown user",
    "450 4.2.1 x",
]
STAGES = ["", " (in reply to RCPT TO command)", " (in reply to end of DATA command)"]
DOMAINS = ["example.jp", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "gmail.com"]
STOPPING = re.compile("送信対象|送信を止め|[Ss]top (?:sending|mailing)|may be mailed")


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_no_two_texts_contradict_each_other(domain, number):
    """Code, reply, stage, carrier and days: all that is said follows from the stored stop."""
    now, about = on(5), {"to_domain": domain}
    for code, reason, stage in itertools.product(CODES, REASONS, STAGES):
        reply = reason + stage if reason else ""
        event = {"status": "bounced", "bounce_code": code, "reason": reply}
        found = [
            addresses.fact_of(event | {"at": on(each), "id": str(each)}, str(each), about)
            for each in range(number)
        ]
        document = fold(described(f"a@{domain}"), filter(None, found))
        verdict = verdict_of(stored(document), now)
        is_stopped = document.get("stop_until", now) > now
        assert verdict.allows() is not is_stopped
        assert verdict.cause == (document["stop_cause"] if is_stopped else "")
        for texts in map(Texts, LANGUAGES):
            said = sentence(verdict, texts, TOKYO)
            cause = cause_text(verdict, texts)
            free = texts.text("verdict.allowed"), texts.text("verdict.otherwise")
            assert said.endswith(free) is not is_stopped
            assert bool(cause) is is_stopped
            assert cause in said
            assert bool(end_text(verdict, texts, TOKYO)) is is_stopped
        # A refusal by policy never counts against an address.
        if code == "4" and reason in ("", "550 5.7.26 auth"):
            assert found == [None] * number


# The verdict itself, and the texts of page and commands that list, change and forget it.
OF_THE_VERDICT = {
    *("verdict", "stop", "stops", "checked", "check_file", "forget", "command", "option", "column"),
}


def test_no_text_about_a_mail_speaks_of_stopping():
    for language in LANGUAGES:
        for key, text in load(language).items():
            if key.partition(".")[0] not in OF_THE_VERDICT:
                assert not STOPPING.search(text), key


def test_each_cause_of_a_stop_has_a_name():
    assert {cause for cause in STOP_CAUSES if f"stop.{cause}" not in load("ja")} == set()

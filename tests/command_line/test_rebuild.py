"""`rebuild`: documents computed again from their own history; only what differs is written."""

import _thread
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.firestore import DELETE_FIELD, GeoPoint
from hypothesis import given
from hypothesis import strategies as st

from cmc_webhook.command_line import addresses_of_mails
from cmc_webhook.reading.rebuilding import Left, rebuilt
from cmc_webhook.reading.texts import Texts
from cmc_webhook.simulator.posts import batches
from cmc_webhook.simulator.scenarios import STEPS, Mailing, events
from cmc_webhook.status import document as status
from cmc_webhook.status.envelope import Envelope
from cmc_webhook.status.events import read_events
from tests.support.faults import Fault
from tests.support.odd_documents import odd_project
from tests.support.records import make_post, make_record

TOKYO, WRONG = ZoneInfo("Asia/Tokyo"), "America/New_York"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW_FIELDS = ("diagnosis", "outcome", "late_bounce", "first_event_at", "queued_on")
WRITES = ("Commit", "BatchWrite", "Write")


def lives():
    """Return posts that tell mails of every kind of life."""
    posts = []
    for name, steps in STEPS.items():
        mailing = Mailing(
            steps=steps, count=3, recipients=2, version=2, zone=TOKYO,
            last_event_at=datetime(2025, 3, 9, 10, tzinfo=UTC),
        )  # fmt: skip
        posts += batches(events(mailing, random.Random(name)), 100)
    return posts


@pytest.fixture
def told(make_function):
    """Post every life to a function with these settings; return the function."""

    def tell(**environ):
        function = make_function(CMC_ALLOW_UNAUTHENTICATED="true", **environ)
        for post in lives():
            answer = function.post("/", json=make_post(**{post.event_type: [*post.records]}))
            assert answer.json["stored"] == len(post.records)
        return function

    return tell


@pytest.fixture
def snapshots(client):
    """Read the fields and the time of the last write of each document."""

    def read(collection="mail_statuses"):
        found = client.collection(collection).stream()
        return {each.id: (each.update_time, each.to_dict()) for each in found}

    return read


@pytest.fixture
def faulty(faulty, monkeypatch, run):
    """A proxy through which the commands go; *run* has set the address behind it."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    return faulty


def make_version_1(client):
    """Make the documents what the first version has written; return how many."""
    found = list(client.collection("mail_statuses").stream())
    for each in found:
        gone = {name: DELETE_FIELD for name in NEW_FIELDS if name in each.to_dict()}
        each.reference.update(gone | {"schema_version": 1})
    return len(found)


def said(why):
    return Texts("en").text(f"left.{why}")


def without_arrivals(documents):
    return {
        document_id: {n: value for n, value in fields.items() if not n.endswith("_received_at")}
        for document_id, fields in documents.items()
    }


def test_of_untouched_documents_nothing_is_written(run, told, faulty, snapshots):
    told(CMC_RETENTION_DAYS="30")
    before = snapshots()
    calls = Counter()
    faulty.plan = lambda rpc: calls.update([rpc])

    for arguments in ((), ("--store",), ("--zone", "Asia/Tokyo", "--store")):
        result = run("rebuild", *arguments)
        assert result.exit_code == 0
        assert f"Documents read: {len(before)}, " in result.stdout
        assert result.stdout.splitlines()[0].endswith((" changed: 0.", " to change: 0."))

    assert calls["RunQuery"] >= 3
    assert not calls.keys() & {*WRITES}
    assert snapshots() == before


def test_documents_of_version_1_get_what_the_function_writes_today(
    run, told, client, documents, snapshots
):
    told()
    today = documents()
    number = make_version_1(client)
    before = snapshots()

    counted = run("rebuild")

    assert counted.exit_code == 0
    assert f"Documents read: {number}, to change: {number}." in counted.stdout
    for name in ("schema_version", "outcome", "queued_on", "first_event_at"):
        assert f"{number:>10}  {name}\n" in counted.stdout
    assert "Nothing was written" in counted.stdout
    assert snapshots() == before

    stored = run("rebuild", "--store")

    assert f"changed: {number}." in stored.stdout
    assert documents() == today  # last_received_at and first_received_at too
    after = snapshots()
    run("rebuild", "--store")
    assert snapshots() == after


def test_times_read_in_a_wrong_zone_become_those_of_a_right_function(
    run, told, documents, monkeypatch
):
    told(CMC_TIME_ZONE="Asia/Tokyo", CMC_COLLECTION="right")
    told(CMC_TIME_ZONE=WRONG, CMC_COLLECTION="wrong")
    right, wrong = documents("right"), documents("wrong")
    for document_id in right:
        for name in right[document_id].keys() - {"first_received_at", "last_received_at"}:
            if name.endswith("_at"):
                assert right[document_id][name] != wrong[document_id][name]

    monkeypatch.setenv("CMC_COLLECTION", "wrong")
    result = run("rebuild", "--zone", "Asia/Tokyo", "--store")

    assert result.exit_code == 0
    assert f"{len(right):>10}  status_at\n" in result.stdout
    assert without_arrivals(documents("wrong")) == without_arrivals(right)
    for document_id, fields in documents("wrong").items():
        for name in ("first_received_at", "last_received_at"):
            assert fields[name] == wrong[document_id][name]


def test_after_a_repair_the_function_goes_on(run, make_function, documents):
    wrong = make_function(CMC_ALLOW_UNAUTHENTICATED="true", CMC_TIME_ZONE="UTC")
    wrong.post("/", json=make_post([make_record(status="deferred", created="2025-01-25 14:00:00")]))
    run("rebuild", "--zone", "Asia/Tokyo", "--store")
    right = make_function(CMC_ALLOW_UNAUTHENTICATED="true")
    later = [make_record(status="deferred", created="2025-01-25 15:00:00", reason="later")]

    for function in (right, wrong):  # the old instance has the document of before in its cache
        function.post("/", json=make_post(later))
    right.post("/", json=make_post([make_record(created="2025-01-25 14:00:00")]))

    [document] = documents().values()
    assert document["reason"] == "later"
    assert document["deferred_at"] == datetime(2025, 1, 25, 6, tzinfo=UTC)
    assert document["first_event_at"] == datetime(2025, 1, 25, 5, tzinfo=UTC)


def test_fields_of_others_and_an_explicit_offset_are_kept(run, make_function, client, documents):
    function = make_function(CMC_ALLOW_UNAUTHENTICATED="true", CMC_TIME_ZONE="UTC")
    records = [make_record(created="2025-01-25T14:00:00+09:00")]
    records += [make_record(status="succeeded", created="2025-01-25 14:00:03")]
    function.post("/", json=make_post(records))
    [mail] = client.collection("mail_statuses").stream()
    extended = [event | {"place": GeoPoint(35, 139)} for event in mail.get("events")]
    others = {"order": "4711", "a.b": {"c": None}, "subject": "変更", "events": extended}
    mail.reference.update(others)

    run("rebuild", "--zone", "Asia/Tokyo", "--store")

    [document] = documents().values()
    assert (document["order"], document["a"]) == ("4711", {"b": {"c": None}})
    assert document["subject"] == "変更"
    assert [event["place"] for event in document["events"]] == [GeoPoint(35, 139)] * 2
    assert document["queued_at"] == datetime(2025, 1, 25, 5, 0, 0, tzinfo=UTC)
    assert document["succeeded_at"] == datetime(2025, 1, 25, 5, 0, 3, tzinfo=UTC)


def test_what_cannot_be_rebuilt_is_counted_named_and_left(run, post, client, snapshots):
    mails = client.collection("mail_statuses")
    post([make_record()])
    [unreadable] = mails.stream()
    unreadable.reference.update({"events": "x"})
    mails.document("an-app's").set({"order": "4711"})
    post([make_record(to="newer@example.jp")])
    newer = next(each for each in mails.stream() if each.to_dict().get("to") == "newer@example.jp")
    newer.reference.update({"schema_version": status.SCHEMA_VERSION + 1})
    before = snapshots()

    result = run("rebuild", "--store")

    assert result.exit_code == 1
    assert f"Documents left: 1 ({said(Left.UNREADABLE)}).\n  {unreadable.id}\n" in result.stdout
    assert f"Documents left: 1 ({said(Left.NEWER)})." in result.stdout
    assert f"Documents left: 1 ({said(Left.NO_EVENT)})." in result.stdout
    assert snapshots() == before


def fill(reference):
    """Make a document so large that it has no room for another field."""
    for size in range(2**20, 0, -32):
        try:
            reference.update({"attachment": b"x" * size})
        except InvalidArgument:
            continue
        return


@pytest.mark.builtin("an emulator may have other limits")
def test_a_document_without_room_for_a_new_field_is_named_and_left(run, post, client, snapshots):
    post([make_record(to=to) for to in ("full@example.jp", "user@example.jp")])
    make_version_1(client)
    full = next(i for i, (_, fields) in snapshots().items() if fields["to"] == "full@example.jp")
    fill(client.document(f"mail_statuses/{full}"))

    result = run("rebuild", "--store")

    assert result.exit_code == 1
    assert "Documents read: 2, changed: 1." in result.stdout
    assert f"Documents left: 1 ({said(Left.REFUSED)}).\n  {full}\n" in result.stdout


def test_no_odd_document_stops_it(run, monkeypatch):
    client, documents = odd_project()
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)

    result = run("rebuild")

    assert result.exit_code == 1
    assert f"Documents read: {len(documents['mail_statuses']):,}" in result.stdout
    assert f"({said(Left.UNREADABLE)})" in result.stdout


def test_many_documents_are_written_in_one_call(run, post, client, faulty, documents):
    post([make_record(messageId=f"<{n}@example.com>") for n in range(150)])
    make_version_1(client)
    calls = Counter()
    faulty.plan = lambda rpc: calls.update([rpc])

    assert "changed: 150." in run("rebuild", "--store").stdout

    assert (calls["BatchWrite"], calls["Commit"]) == (1, 0)


def test_a_document_that_only_an_app_has_made_is_no_failure(run, client):
    client.collection("mail_statuses").document("an-app's").set({"order": "4711"})

    assert run("rebuild", "--store").exit_code == 0


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(addresses_of_mails, "_PAGE", 4)


def interrupted():
    _thread.interrupt_main()
    return Fault(delay=2)


def refused():
    return Fault(before="PERMISSION_DENIED")


@pytest.mark.parametrize(("end", "exit_code"), [(interrupted, 130), (refused, 1)])
def test_a_run_that_breaks_off_is_resumed(
    end, exit_code, run, told, faulty, small_pages, client, documents, snapshots
):
    told()
    today = documents()
    number = make_version_1(client)
    queries = []

    def third_query(rpc):
        queries.extend([rpc] * (rpc == "RunQuery"))
        return end() if len(queries) == 3 else None

    faulty.plan = third_query
    broken = run("rebuild", "--store")
    faulty.plan = lambda rpc: None
    done = {i: (time, fields) for i, (time, fields) in snapshots().items() if fields == today[i]}

    assert broken.exit_code == exit_code
    assert len(done) == 8
    assert "Documents read: 8, changed: 8." in broken.stdout
    after = broken.stderr.split("--after '")[1].split("'")[0]
    assert after == max(done)

    rest = run("rebuild", "--store", "--after", after)

    assert rest.exit_code == 0
    assert f"Documents read: {number - 8}, changed: {number - 8}." in rest.stdout
    assert documents() == today
    assert done.items() <= snapshots().items()


def test_somebody_who_writes_meanwhile_wins_and_the_rest_is_done(
    post, run, faulty, client, documents
):
    post([make_record()])
    make_version_1(client)
    wrote = []

    def meanwhile(rpc):
        if rpc == "BatchWrite" and not wrote:
            wrote.append(rpc)
            post([make_record(status="deferred", created="2025-01-25 14:05:00", reason="busy")])
            [mail] = documents()
            client.document(f"mail_statuses/{mail}").update({"diagnosis": "wrong"})

    faulty.plan = meanwhile
    result = run("rebuild", "--store")

    assert result.exit_code == 0
    assert "Documents read: 1, changed: 1." in result.stdout
    assert f"{1:>10}  diagnosis\n" in result.stdout
    [document] = documents().values()
    assert (document["status"], document["reason"]) == ("deferred", "busy")
    assert "diagnosis" not in document


def test_a_race_that_is_lost_twice_is_counted(post, run, faulty, client, documents):
    post([make_record()])
    make_version_1(client)
    [mail] = documents()
    writes = []

    def meanwhile(rpc):
        if rpc == "BatchWrite":
            writes.append(rpc)
            client.document(f"mail_statuses/{mail}").update({"order": len(writes)})

    faulty.plan = meanwhile
    result = run("rebuild", "--store")

    assert result.exit_code == 1
    assert f"Documents left: 1 ({said(Left.LOST_RACE)}).\n  {mail}\n" in result.stdout
    assert len(writes) == 2
    assert documents()[mail]["schema_version"] == 1


def test_a_document_that_is_deleted_meanwhile_is_not_made_again(
    post, run, faulty, client, documents
):
    post([make_record()])
    make_version_1(client)
    [mail] = documents()

    def meanwhile(rpc):
        if rpc == "BatchWrite":
            client.document(f"mail_statuses/{mail}").delete()

    faulty.plan = meanwhile
    result = run("rebuild", "--store")

    assert result.exit_code == 0
    assert result.stdout == "Documents read: 1, changed: 0.\n"
    assert documents() == {}


def test_with_a_project_it_asks_before_it_writes(run, post, client, real_project, documents):
    post([make_record()])
    make_version_1(client)
    arguments = ("rebuild", "--project", real_project)

    assert "[y/N]" not in run(*arguments).output
    refused = run(*arguments, "--store", input="n\n")
    assert refused.exit_code == 1
    assert f"mail_statuses of project {real_project} to rebuild: 1." in refused.stderr
    [document] = documents().values()
    assert document["schema_version"] == 1

    assert run(*arguments, "--store", "--yes").exit_code == 0
    [document] = documents().values()
    assert document["schema_version"] == status.SCHEMA_VERSION


@pytest.mark.parametrize("option", [("--after", "a/b"), ("--after", ""), ("--zone", "Tokyo")])
def test_wrong_options_are_refused(run, option):
    assert run("rebuild", *option).exit_code == 2


# The computation itself.


def make_event(zone, kind="deliveries", **changes):
    envelope = Envelope(event={kind: [make_record(**changes)]}, server_composition="pro")
    [event], [] = read_events(envelope, ZoneInfo(zone), NOW)
    return event


def at(second, minute=0):
    return f"2025-01-25 14:{minute:02}:{second:02}"


def deferrals(zone, count):
    return [make_event(zone, status="deferred", created=at(n % 60, n // 60)) for n in range(count)]


def test_a_history_that_may_be_cut_is_left():
    assert rebuilt(status.fold({}, deferrals("UTC", 64)), TOKYO) is Left.LONG
    whole = status.fold({}, deferrals("Asia/Tokyo", 63))
    assert rebuilt(status.fold({}, deferrals("UTC", 63)), TOKYO) == whole


def test_events_of_rest_stay_where_reconcile_put_them():
    of_rest = make_event("UTC", status="failed", created=at(9))._replace(source="rest")
    held = status.fold({}, [make_event("UTC"), of_rest])
    right = status.fold({}, [make_event("Asia/Tokyo"), of_rest])

    assert rebuilt(held, TOKYO) == right


def test_a_history_with_a_stand_in_is_left():
    held = status.fold({}, [make_event("UTC", "bounces", status="2")]) | {"events": []}
    stood_in = status.fold(held, [make_event("UTC")])

    assert [event["id"] for event in stood_in["events"] if "created" not in event] == ["held"]
    assert rebuilt(held, TOKYO) is Left.NO_CREATED
    assert rebuilt(stood_in, TOKYO) is Left.NO_CREATED
    assert rebuilt(stood_in) == stood_in


def test_an_event_without_a_readable_created_is_left():
    for edit in ({}, {"created": ""}, {"created": "yesterday"}):
        held = status.fold({}, [make_event("UTC")])
        [event] = held["events"]
        del event["created"]
        event.update(edit)
        assert rebuilt(held, TOKYO) is Left.NO_CREATED


@pytest.mark.parametrize("gone", [0, 1])
def test_a_time_whose_event_was_removed_is_not_lost(gone):
    lived = [make_event("UTC", status=word, created=at(n)) for n, word in enumerate(
        ("queued", "deferred", "succeeded")
    )]  # fmt: skip
    held = status.fold({}, lived)
    del held["events"][gone]

    assert rebuilt(held, TOKYO) is Left.UNEXPLAINED
    assert rebuilt(held) == held


def test_a_verdict_without_any_time_is_rebuilt():
    folded = rebuilt({"status": "bounced", "bounce_code": "2"})

    assert folded["bounce_class"] == "hard"
    assert "queued_on" not in folded


STATUSES = [("deliveries", s) for s in ("queued", "deferred", "succeeded", "failed", "parked")]
STATUSES += [("bounces", code) for code in ("2", "6", "10", "11", "77", "")]
TEXTS = st.sampled_from(["", "a", "550 5.1.1 user unknown (in reply to RCPT TO)"])
ZONES = ["UTC", "Asia/Tokyo", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"]
# Around the change of summer time in New York, and around midnight.
STARTS = [datetime(2025, 3, 9, 1, 59, 58), datetime(2025, 11, 2, 0, 59, 58), datetime(2025, 1, 25)]


@st.composite
def records(draw):
    kind, word = draw(st.sampled_from(STATUSES))
    created = draw(st.sampled_from(STARTS)) + timedelta(seconds=draw(st.integers(0, 3)))
    offset = draw(st.sampled_from(["", "", "", "+09:00"]))
    texts = {name: draw(TEXTS) for name in ("reason", "senderIp", "subject")}
    return kind, {"status": word, "created": f"{created}{offset}", **texts}


@given(
    st.lists(records(), min_size=1, max_size=8), st.sampled_from(ZONES), st.data()
)  # fmt: skip
def test_any_life_read_in_wrong_zones_becomes_that_of_the_right_one(life, right, data):
    """Each event may have been read in a zone of its own."""
    held = {}
    for kind, changes in life:
        held = status.fold(held, [make_event(data.draw(st.sampled_from(ZONES)), kind, **changes)])
    expected = status.fold({}, [make_event(right, kind, **changes) for kind, changes in life])

    assert rebuilt(held, ZoneInfo(right)) == expected
    assert rebuilt(held) == held
    assert status.changes(expected, rebuilt(expected, ZoneInfo(right))) == {}


@given(st.lists(records(), min_size=1, max_size=8))
def test_any_life_of_version_1_becomes_that_of_today(life):
    today = status.fold({}, [make_event("Asia/Tokyo", kind, **each) for kind, each in life])
    held = {name: value for name, value in today.items() if name not in NEW_FIELDS}

    assert rebuilt(held | {"schema_version": 1}) == today

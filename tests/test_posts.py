"""The contract of one post, through functions-framework's app and the real Firestore client."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmc_webhook.answers import ERRORS
from cmc_webhook.errors import MalformedEnvelope, WebhookError
from cmc_webhook.fields import read_fields
from cmc_webhook.logs import Throttle
from cmc_webhook.reasons import Reason
from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import from_env
from cmc_webhook.status.document import document_id
from cmc_webhook.status.envelope import Envelope, RawRecord
from cmc_webhook.status.events import UnreadableRecord
from cmc_webhook.status.quarantine import LARGEST_CONTENT, quarantined_record
from tests.support.faults import Fault
from tests.support.records import as_form, as_json, make_post, make_record

TOKYO = ZoneInfo("Asia/Tokyo")


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def make_records(count):
    return [make_record(messageId=f"<mail{i}@example.com>") for i in range(count)]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_only_post(function, method):
    answer = function.open("/any/path", method=method)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("encode", [as_form, as_json])
def test_deliveries_and_bounces_are_merged_whatever_the_event_type(function, documents, encode):
    record = make_record(messageId="<both@example.com>", status="failed")
    bounce = make_record(messageId="<both@example.com>", status="2", created="2025-01-25 14:03:07")
    body, content_type = encode(make_post([record], [bounce], event_type="anything"))

    assert function.post("/", data=body, content_type=content_type).json["stored"] == 2

    [document] = documents().values()
    assert [event["status"] for event in document["events"]] == ["failed", "bounced"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=UTF-8",
        "application/x-www-form-urlencoded",
        "text/plain",
        "",
        "nonsense",
    ],
)
@pytest.mark.parametrize("encode", [as_form, as_json])
def test_content_decides_not_the_header(function, documents, encode, content_type):
    body, _ = encode(make_post([make_record(subject="＋ & % = \" '件名😀")]))

    assert function.post("/", data=body, content_type=content_type).json["stored"] == 1

    [document] = documents().values()
    assert document["subject"] == "＋ & % = \" '件名😀"


def test_a_byte_order_mark_and_white_space_before_the_body(function):
    body, _ = as_json(make_post([make_record()]))

    assert function.post("/", data=b"\xef\xbb\xbf \r\n" + body).json["stored"] == 1


def test_event_may_be_text_in_json(function):
    post = make_post([make_record()])
    post["event"] = json.dumps(post["event"])

    assert function.post("/", json=post).json["stored"] == 1


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("bad", [None, 5, "text", [], {}, {"messageId": "<x@y>"}])
def test_a_bad_record_does_not_sink_its_neighbours(post, documents, quarantine, bad, position):
    records = make_records(2)
    records.insert(position, bad)

    answer = post(records).json

    assert answer == {"received": 3, "stored": 2, "unchanged": 0, "quarantined": 1}
    assert len(documents()) == 2
    [entry] = quarantine()
    assert json.loads(entry["content"]) == bad
    assert entry["event_type"] == "deliveries"
    assert entry["server_composition"] == "pro"


def test_a_single_object_counts_as_a_list_of_one(post, documents):
    assert post(make_record()).json["stored"] == 1
    assert len(documents()) == 1


def test_an_empty_list_is_nothing(post, documents, quarantine):
    assert post([]).json == {"received": 0, "stored": 0, "unchanged": 0, "quarantined": 0}
    assert documents() == {}
    assert quarantine() == []


def test_a_null_list_beside_another_is_no_record(function):
    body, _ = as_json({"event": {"deliveries": make_records(1), "bounces": None}})

    assert function.post("/", data=body).json["received"] == 1


@pytest.mark.parametrize(
    ("event", "why", "kind"),
    [
        ({"deliveries": "text"}, "not_an_object", "record"),
        ({"deliveries": 5}, "not_an_object", "record"),
        ({"blocks": [{"email": "a@example.com"}]}, "not_supported_yet", "record"),
        ({"blocks": {"email": "a@example.com"}}, "not_supported_yet", "record"),
        ({"opens": [{"email": "a@example.com"}]}, "unknown_list", "record"),
        ({}, "no_list", "event"),
        ({"messageId": "<a@b>"}, "no_list", "event"),
        ({"deliveries": None}, "no_list", "event"),
    ],
)
def test_what_is_no_list_of_events_is_quarantined(function, quarantine, event, why, kind):
    answer = function.post("/", json={"event_type": "word", "event": event})

    assert answer.json == {"received": 1, "stored": 0, "unchanged": 0, "quarantined": 1}
    [entry] = quarantine()
    assert (entry["why"], entry["kind"]) == (why, kind)


def test_a_name_that_stands_twice_loses_nothing(function, documents, quarantine):
    good = json.dumps(make_records(1))
    body = '{"event": {"deliveries": ' + good + ', "deliveries": [], "bounces": []}}'

    assert function.post("/", data=body).json["quarantined"] == 2
    kept = [json.loads(entry["content"]) for entry in quarantine()]
    assert sorted(kept, key=len) == [[], make_records(1)]


def test_a_field_that_stands_twice_sinks_only_its_record(function, documents, quarantine):
    twice = '{"messageId": "<a@b>", "to": "a@b", "to": "b@b", "created": "2025-01-25 14:03:06"}'
    body = '{"event": {"deliveries": [' + json.dumps(make_record()) + "," + twice + "]}}"

    assert function.post("/", data=body).json == {
        "received": 2, "stored": 1, "unchanged": 0, "quarantined": 1
    }  # fmt: skip
    assert [entry["why"] for entry in quarantine()] == ["unreadable_field"]


@pytest.mark.parametrize("event_type", [["a"], {"a": 1}, None, 5, "x" * 5000, "\ud83d"])
def test_an_odd_event_type_sinks_nothing(function, documents, event_type):
    post = make_post([make_record()], event_type=event_type)

    assert function.post("/", json=post).json["stored"] == 1


@pytest.mark.parametrize("name", ["\ud83d", "x" * 1_200_000, "", "a\x00b", "deliveries "])
def test_an_odd_name_of_a_list_sinks_nothing(function, documents, quarantine, name):
    event = {"deliveries": [make_record()], name: [1]}

    assert function.post("/", json={"event": event}).json["quarantined"] == 1
    [entry] = quarantine()
    assert entry["why"] == "unknown_list"
    assert entry["content"] == "1"
    assert len(documents()) == 1


def test_a_number_of_5000_digits_sinks_only_its_record(function, documents):
    body = '{"event": {"deliveries": [%s, {"messageId": %s}]}}'
    body %= (json.dumps(make_record()), "9" * 5000)

    assert function.post("/", data=body).json["stored"] == 1


def test_more_records_than_can_be_stored_are_413(function, quarantine):
    answer = function.post("/", json={"event": {"deliveries": [1] * 20_001}})

    assert answer.status_code == 413
    assert quarantine() == []


def test_the_same_record_of_two_compositions_is_two_entries(function, quarantine):
    for composition in ("pro", "sandbox"):
        function.post("/", json=make_post([{}], composition=composition))

    assert len(quarantine()) == 2


def test_long_bodies_that_begin_alike_are_two_entries(function, quarantine):
    for end in (b"a", b"b"):
        function.post("/", data=b"x" * 1_000_000 + end)

    assert len(quarantine()) == 2


def test_equal_records_are_one_entry_however_often_they_come(post, quarantine):
    for _ in range(2):
        assert post([{"a": 1}, {"a": 1}]).json["quarantined"] == 2

    [entry] = quarantine()
    assert entry["why"] == "missing_message_id"
    assert entry["size"] == len(entry["content"]) == 8


def test_duplicates_in_one_post_are_one_event(post, documents):
    assert post([make_record()] * 3).json["stored"] == 3
    [document] = documents().values()
    assert len(document["events"]) == 1


def test_recipients_of_one_mail_are_apart(post, documents):
    post([make_record(to=f"user{i}@example.jp") for i in range(3)])
    post(bounces=[make_record(to="user1@example.jp", status="2", reason="no user1")])

    statuses = {document["to"]: document["status"] for document in documents().values()}
    assert statuses == {
        "user0@example.jp": "queued",
        "user1@example.jp": "bounced",
        "user2@example.jp": "queued",
    }
    first = sorted(documents())[0]
    assert all(document_id.startswith(first[:20]) for document_id in documents())
    [other] = [d for d in documents().values() if d["to"] == "user0@example.jp"]
    assert "user1" not in str(other)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"xx",
        b"{}",
        b"[]",
        b"null",
        b'{"event": []}',
        b'{"event": "no json"}',
        b'{"event": "[1]"}',
        b'{"event": {"deliveries": [',
        b"event=",
        b"event=1",
        b"event=" + b"[" * 100_000,
        b'{"event": {}, "event": {}}',
        b"event=%7B%7D&event=%7B%7D",
        b"[" * 100_000,
        b'{"event": ' + b"[" * 100_000,
        b"\x00\xff\xfe",
        b"&".join(b"a%d=1" % i for i in range(2000)),
    ],
)
def test_what_is_no_event_is_400_and_kept(function, quarantine, body):
    answer = function.post("/", data=body)

    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "malformed_envelope"
    [entry] = quarantine()
    assert entry["why"] == "no_envelope"
    kept = entry.get("content", b"")
    assert (kept if isinstance(kept, bytes) else kept.encode()) == body


@pytest.mark.parametrize("depth", [100, 900, 950, 970, 980, 990])
def test_nesting_that_can_just_be_read_is_kept_too(function, quarantine, depth):
    body = b'{"event": {"deliveries": [' + b"[" * depth + b"]" * depth + b"]}}"

    assert function.post("/", data=body).status_code in (200, 400)
    assert len(quarantine()) == 1


def test_a_record_too_deep_to_be_written_is_no_record():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    settings = from_env({"CMC_API_KEYS": "key"})

    with pytest.raises(MalformedEnvelope):
        quarantined_record(
            UnreadableRecord(RawRecord("deliveries", deep), Reason.NOT_AN_OBJECT),
            Envelope(event={}),
            Redactor(settings),
        )


def test_a_long_body_is_cut_in_quarantine_and_says_so(function, quarantine):
    body = ("x" + "語" * 400_000).encode()

    assert function.post("/", data=body).status_code == 400

    [entry] = quarantine()
    assert entry["truncated"] is True
    assert entry["size"] == len(body)
    assert LARGEST_CONTENT - 3 < len(entry["content"].encode()) <= LARGEST_CONTENT
    assert body.decode().startswith(entry["content"])


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"filter": "support", "envelope-to": "a@example.com", "subject": "x"}).encode(),
        b'--B\r\nContent-Disposition: form-data; name="filter"\r\n\r\nx\r\n'
        b'--B\r\nContent-Disposition: form-data; name="envelope-to"\r\n\r\nx\r\n--B--\r\n',
    ],
)
def test_received_mail_is_told_that_it_is_in_the_wrong_place(function, quarantine, body):
    answer = function.post("/", data=body)

    assert answer.status_code == 400
    assert "received mail" in answer.json["error"]["message"]
    assert len(quarantine()) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "x" * 100, "deflate, gzip"])
def test_a_compressed_body_is_refused_by_name(function, quarantine, encoding):
    answer = function.post("/", data=b"x", headers={"Content-Encoding": encoding})

    assert answer.status_code == 400
    assert encoding[:20] in answer.json["error"]["message"]
    assert quarantine() == []


def test_identity_is_no_encoding(function):
    body, content_type = as_json(make_post([make_record()]))
    headers = {"Content-Encoding": "identity", "Content-Type": content_type}

    assert function.post("/", data=body, headers=headers).status_code == 200


def test_every_error_has_its_status_code():
    def below(cls):
        return {cls, *(deeper for sub in cls.__subclasses__() for deeper in below(sub))}

    for error in below(WebhookError) - {WebhookError}:
        assert any(parent in ERRORS for parent in error.__mro__)


def test_the_zone_is_the_configured_one_whatever_the_process_has(
    make_function, documents, monkeypatch
):
    monkeypatch.setenv("TZ", "America/New_York")
    function = make_function(CMC_ALLOW_UNAUTHENTICATED="true", CMC_TIME_ZONE="America/New_York")
    summer = make_record(created="2025-07-01 12:00:00", messageId="<summer@example.com>")
    winter = make_record(created="2025-01-01 12:00:00", messageId="<winter@example.com>")
    explicit = make_record(created="2025-01-01T12:00:00+09:00", messageId="<zone@example.com>")

    function.post("/", json=make_post([summer, winter, explicit]))

    times = {d["message_id"]: d["status_at"] for d in documents().values()}
    assert times == {
        "<summer@example.com>": datetime(2025, 7, 1, 16, tzinfo=UTC),
        "<winter@example.com>": datetime(2025, 1, 1, 17, tzinfo=UTC),
        "<zone@example.com>": datetime(2025, 1, 1, 3, tzinfo=UTC),
    }


def test_settings_name_collection_and_retention(make_function, documents):
    function = make_function(
        CMC_ALLOW_UNAUTHENTICATED="true", CMC_COLLECTION="mails", CMC_RETENTION_DAYS="40"
    )
    function.post("/", json=make_post([make_record(), {}]))

    [document] = documents("mails").values()
    [entry] = documents("mails_quarantine").values()
    assert document["expires_at"] - document["last_received_at"] == timedelta(days=40)
    assert entry["expires_at"] - entry["received_at"] == timedelta(days=40)


def test_the_log_line_of_a_post(function, capsys):
    function.post(
        "/",
        json=make_post([*make_records(2), {}]),
        headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"},
    )

    [line] = lines(capsys)
    assert line["severity"] == "ERROR"
    assert line["message"] == "Stored 2, unchanged 0, quarantined 1."
    assert line["rpcs"]["BatchWrite"] == 2
    assert line["why"] == {"missing_message_id": 1}
    assert line["status"] == 200
    assert line["version"] == "0.2.0"
    assert line["logging.googleapis.com/trace"].endswith(f"/traces/{'ab' * 16}")
    assert line["lag_s"] > 0


def test_blocks_alarm_nobody(function, capsys):
    function.post("/", json={"event": {"blocks": [{"id": "1"}]}})

    assert lines(capsys)[0]["severity"] == "INFO"


def test_nothing_of_a_mail_is_logged(make_function, capsys):
    function = make_function(CMC_API_KEYS="MARKER-key")
    marks = {name: f"MARKER-{name}" for name in make_record()} | {"created": "2025-01-25 14:03:06"}
    for body in (
        make_post([marks, marks | {"created": "MARKER"}, "MARKER"], api_key="MARKER-key"),
        make_post([marks], api_key="MARKER-wrong"),
        {"event": "MARKER", "api_key": "MARKER-key", "filter": "MARKER"},
    ):
        function.post("/MARKER?MARKER=1", json=body, headers={"User-Agent": "MARKER"})

    captured = capsys.readouterr()
    assert "Stored 1" in captured.out
    assert "MARKER" not in captured.out + captured.err


def test_repeated_refusals_are_one_line(make_function, capsys):
    function = make_function(CMC_API_KEYS="key")
    for _ in range(4):  # the fifth is an error
        function.post("/", data=b"x")

    [line] = lines(capsys)
    assert (line["severity"], line["error"], line["posts"]) == ("WARNING", "not_authenticated", 1)


def test_a_minute_ahead_is_no_future_and_the_newest_event_is_the_lag(post, capsys):
    ahead = datetime.now(UTC) + timedelta(hours=9, minutes=1)
    post([make_record(), make_record(created=ahead.strftime("%Y-%m-%d %H:%M:%S"))])

    [line] = lines(capsys)
    assert line["severity"] == "INFO"
    assert -61 < line["lag_s"] < -30


def test_a_throttled_line_is_written_again_with_the_number_since(monkeypatch):
    throttle = Throttle()
    assert [throttle.admit("kind") for _ in range(3)] == [1, 0, 0]
    assert throttle.admit("other") == 1
    monkeypatch.setattr("cmc_webhook.logs._QUIET_S", 0)

    assert throttle.admit("kind") == 3


def test_events_from_the_future_name_the_time_zone(post, capsys):
    ahead = datetime.now(UTC) + timedelta(hours=9, minutes=6)  # in Tokyo's clock, plus six minutes
    for _ in range(2):
        post([make_record(created=ahead.strftime("%Y-%m-%d %H:%M:%S"))])

    warnings = [line for line in lines(capsys) if line["severity"] == "WARNING"]
    assert len(warnings) == 1
    assert "CMC_TIME_ZONE" in warnings[0]["message"]


def test_a_post_of_501_records_and_one_of_long_histories(post, documents):
    assert post(make_records(501)).json["stored"] == 501
    assert len(documents()) == 501

    reasons = [f"{i:04}" + "語" * 1300 for i in range(64)]
    later = {"status": "deferred", "created": "2025-01-25 15:00:00"}
    for record in make_records(3):
        post([record | later | {"reason": reason} for reason in reasons])
    lengths = sorted(len(document["events"]) for document in documents().values())
    assert lengths == [1] * 498 + [65] * 3  # the 64 latest, and `queued`


def test_a_document_that_another_writer_broke_does_not_sink_its_neighbours(
    post, client, documents, quarantine
):
    post(make_records(2))
    broken = sorted(documents())[0]
    client.collection("mail_statuses").document(broken).update({"events": "mine"})

    answer = post([record | {"status": "succeeded"} for record in make_records(2)]).json

    assert answer == {"received": 2, "stored": 1, "unchanged": 0, "quarantined": 1}
    assert [entry["why"] for entry in quarantine()] == ["unreadable_document"]
    assert documents()[broken]["events"] == "mine"


def test_fields_of_others_are_left_alone(post, client, documents):
    post([make_record()])
    [name] = documents()
    client.collection("mail_statuses").document(name).update({"note": "ours", "api_data": "x"})

    post([make_record(status="succeeded", apiData="a")])

    document = documents()[name]
    assert document["note"] == "ours"
    assert document["status"] == "succeeded"
    assert document["api_data"] == "x"


TOMORROW_AND_LATER = {
    "tomorrow": (1, "stored"),
    "in three days": (3, "quarantined"),
    "in 2099": (26_000, "quarantined"),
}


@pytest.mark.parametrize("case", TOMORROW_AND_LATER)
def test_a_time_far_in_the_future_does_not_win_for_ever(post, quarantine, case):
    days, becomes = TOMORROW_AND_LATER[case]
    created = datetime.now(TOKYO) + timedelta(days=days)
    record = make_record(created=created.strftime("%Y-%m-%d %H:%M:%S"))

    assert post([record]).json[becomes] == 1
    assert [entry["why"] for entry in quarantine()] == ["future_created"] * (becomes != "stored")


def not_utf8(encode):
    """Return a post in which the recipients of two of three records are not UTF-8."""
    records = [
        make_record(to=to) for to in ("good@example.jp", "cafX@example.jp", "cafY@example.jp")
    ]
    body, content_type = encode(make_post(records))
    for letter, byte in ((b"X", b"\xe9"), (b"Y", b"\xe8")):
        escaped = b"%" + byte.hex().encode() if encode is as_form else byte
        body = body.replace(b"caf" + letter, b"caf" + escaped)
    return body, content_type


@pytest.mark.parametrize("encode", [as_form, as_json])
def test_nothing_is_lost_of_records_that_are_not_utf8(function, documents, quarantine, encode):
    body, content_type = not_utf8(encode)

    answer = function.post("/", data=body, content_type=content_type).json

    assert (answer["stored"], answer["quarantined"]) == (1, 2)
    assert [d["to"] for d in documents().values()] == ["good@example.jp"]
    entries = quarantine()
    assert {entry["why"] for entry in entries} == {"not_utf8"}
    assert {b"caf\xe9@" in e["content"] for e in entries} == {True, False}
    assert {b"caf\xe8@" in e["content"] for e in entries} == {True, False}


@pytest.mark.parametrize("names", [{"to": ""}, {"to": None}, {"to": ...}])
def test_the_first_name_that_says_something_wins(post, documents, names):
    assert post([make_record(**names, envelopeTo="x@y.jp")]).json["stored"] == 1
    assert [d["to"] for d in documents().values()] == ["x@y.jp"]


@pytest.mark.parametrize("code", [2, 2.0, "2.0", "02", " 2 ", "2"])
def test_a_bounce_code_has_one_spelling(post, documents, code):
    assert post(bounces=[make_record(status=code)]).json["stored"] == 1

    [document] = documents().values()
    assert (document["bounce_code"], document["bounce_class"]) == ("2", "hard")


@pytest.mark.parametrize(
    ("to", "domain"),
    [
        ("Taro <t@example.jp>", "example.jp"),
        ('"a@b" <t@example.jp>', "example.jp"),
        ("<t@example.jp>", "example.jp"),
        ("foo..bar@docomo.ne.jp", "docomo.ne.jp"),
        ("t@", None),
    ],
)
def test_the_domain_of_a_decorated_address(post, documents, to, domain):
    post([make_record(to=to)])

    [document] = documents().values()
    assert document.get("to_domain") == domain


def test_a_document_that_an_application_made_first_tells_when_it_was_received(
    post, documents, client
):
    record = make_record()
    name = document_id("pro", record["messageId"], record["to"])
    client.collection("mail_statuses").document(name).set({"order": "4711"})

    post([record])
    post([make_record(status="succeeded", created="2025-01-25 14:03:09")])

    [document] = documents().values()
    assert (document["order"], document["status"]) == ("4711", "succeeded")
    assert document["first_received_at"] < document["last_received_at"]


def test_retention_switched_off_lets_a_mail_stay(make_function, documents):
    keeping = {"CMC_ALLOW_UNAUTHENTICATED": "true"}
    with_retention = make_function(CMC_RETENTION_DAYS="3", **keeping)
    with_retention.post("/", json=make_post([make_record()]))
    assert all("expires_at" in document for document in documents().values())

    without = make_function(**keeping)
    later = make_record(status="succeeded", created="2025-01-25 14:03:09")
    without.post("/", json=make_post([later]))

    assert not any("expires_at" in document for document in documents().values())


def test_a_log_that_cannot_be_written_turns_no_post_into_a_500(function, documents, monkeypatch):
    broken = open("/dev/full", "w")  # noqa: SIM115  # as long as the function uses it
    monkeypatch.setattr("sys.stdout", broken)

    answers = [function.post("/", json=make_post([r])).status_code for r in make_records(300)]

    assert set(answers) == {200}
    assert len(documents()) == 300
    with contextlib.suppress(OSError):
        broken.close()


def test_a_missing_role_is_logged_once_a_minute(make_function, faulty, capsys):
    faulty.plan = lambda rpc: Fault(before="PERMISSION_DENIED")
    function = make_function(
        CMC_ALLOW_UNAUTHENTICATED="true", FIRESTORE_EMULATOR_HOST=faulty.address
    )
    capsys.readouterr()

    answers = [function.post("/", json=make_post([r])) for r in make_records(5)]

    assert {answer.status_code for answer in answers} == {503}
    # What Google said, and the names of project and database, are for the operator alone.
    messages = {answer.json["error"]["message"] for answer in answers}
    assert messages == {"Not everything was stored; post the same again."}
    [line] = lines(capsys)
    assert (line["severity"], line["posts"]) == ("ERROR", 1)
    assert "roles/datastore.user" in line["detail"]


FORM_PIECES = [
    "%",
    "=",
    "&",
    "+",
    " ",
    "\r",
    "\n",
    "a",
    "4f",
    "\N{HIRAGANA LETTER A}",
    "%E3%81%82",
    "%3d",
    "\0",
]


@given(st.lists(st.sampled_from(FORM_PIECES)).map(lambda pieces: "e=" + "".join(pieces)))
def test_a_form_has_the_fields_that_the_standard_library_finds(form):
    found = read_fields(form.encode()).values

    pairs = parse_qsl(form.strip(), keep_blank_values=True, errors="surrogateescape")
    assert [(name, value) for name, values in found.items() for value in values] == sorted(
        pairs, key=lambda pair: list(found).index(pair[0])
    )


def test_null_in_a_field_of_ours_is_an_absent_field(post, client, documents, quarantine):
    post([make_record()])
    [reference] = client.collection("mail_statuses").list_documents()
    reference.update({"subject": None, "reason": None, "theirs": None})

    assert post([make_record(status="succeeded")]).json["stored"] == 1

    [document] = documents().values()
    assert (document["status"], document["subject"], document["theirs"]) == (
        "succeeded",
        "件名",
        None,
    )
    assert quarantine() == []

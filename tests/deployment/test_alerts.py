"""Each alert matches the lines that it is about, and no other line that the functions write."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.deployment.alerts import (
    FILTERS,
    LABEL,
    LONGEST_SILENCE_H,
    OTHERS,
    POSTS,
    SILENCE,
    policies,
)
from cmc_webhook.reading.texts import LANGUAGES, Texts
from tests.support.faults import Fault
from tests.support.logging_filter import SEVERITIES, entry_of, matches, request_entry
from tests.support.records import make_post, make_record
from tests.support.shell import run_in_gcloud

STATUS, INBOUND = "cmc-webhook", "cmc-inbound"
KEY = {"Authorization": "Bearer the-right-key"}
DMARC = "550-5.7.26 Unauthenticated email from example.com is not accepted (DMARC)"
FULL = "552 5.2.2 The mailbox is full"


def unavailable(rpc):
    return Fault(before="UNAVAILABLE")


def forbidden(rpc):
    return Fault(before="PERMISSION_DENIED")


# What is posted, and the alerts that it raises. A name has what the test is to show.
SENT = {
    "stored": ({"json": make_post([make_record()])}, set()),
    "again": ({"json": make_post([make_record()])}, set()),
    "failed": ({"json": make_post([make_record(status="failed", reason=FULL)])}, set()),
    "bounced": ({"json": make_post(bounces=[make_record(status="5", reason=FULL)])}, set()),
    "auth failed": (
        {"json": make_post([make_record(to="a@example.jp", status="failed", reason=DMARC)])},
        {"sender_auth"},
    ),
    "auth bounced": (
        {"json": make_post(bounces=[make_record(to="b@example.jp", status="4", reason=DMARC)])},
        {"sender_auth"},
    ),
    "auth put off": (
        {"json": make_post([make_record(to="c@example.jp", status="deferred", reason=DMARC)])},
        {"sender_auth"},
    ),
    "auth again": (
        {"json": make_post([make_record(to="c@example.jp", status="deferred", reason=DMARC)])},
        set(),
    ),
    "accepted after DMARC": (
        {
            "json": make_post(
                [make_record(to="d@example.jp", status="succeeded", reason="dmarc ok")]
            )
        },
        set(),
    ),
    "unreadable record": ({"json": make_post([make_record(created="")])}, {"quarantine"}),
    "half unreadable": (
        {"json": make_post([make_record(to="e@example.jp"), {"odd": 1}])},
        {"quarantine"},
    ),
    "unreadable, and auth failed": (
        {"json": make_post([make_record(to="f@x.jp", status="failed", reason=DMARC), {}])},
        {"quarantine", "sender_auth"},
    ),
    "blocks": ({"json": {"event_type": "blocks", "event": {"blocks": [{"id": 1}]}}}, set()),
    "no event": ({"data": b"no event"}, {"quarantine"}),
    "future": ({"json": make_post([make_record(created="2099-01-01 00:00:00")])}, {"quarantine"}),
    "compressed": ({"headers": {**KEY, "Content-Encoding": "gzip"}}, set()),
    "too large": ({"data": b"x" * (8 * 1024 * 1024 + 1)}, set()),
    "one refusal": ({"json": make_post([make_record()]), "headers": {}}, set()),
}


@pytest.fixture
def lines(capfd):
    """Return the log lines since the last call."""
    return lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def raised(lines, service=STATUS):
    """Return the alerts that *lines* raise."""
    entries = [entry_of(line, service) for line in lines]
    return {name for name in FILTERS for entry in entries if matches(FILTERS[name], entry)}


@pytest.fixture
def function(make_function, lines):
    made = make_function(CMC_API_KEYS="the-right-key", CMC_UNKNOWN="1")
    # The line of an unknown setting is an ERROR of no alert.
    started = lines()
    assert [line["severity"] for line in started] == ["ERROR"]
    assert raised(started) == set()
    return made


def test_every_post_raises_its_alerts_and_no_other(function, lines):
    found = {}
    for name, (arguments, _) in SENT.items():
        function.post("/", **{"headers": KEY, **arguments})
        found[name] = raised(lines())

    assert found == {name: expected for name, (_, expected) in SENT.items()}


def test_a_clock_that_is_wrong_raises_none(function, lines):
    ahead = f"{datetime.now(UTC) + timedelta(hours=20):%F %T}"

    assert function.post("/", json=make_post([make_record(created=ahead)]), headers=KEY).json
    assert raised(found := lines()) == set()
    assert [line["severity"] for line in found] == ["WARNING", "INFO"]


def test_only_refusals_raise_one_mail(function, make_function, lines):
    function = make_function(CMC_API_KEYS="another-key")
    lines()
    each = []
    for _ in range(8):
        function.post("/", json=make_post([make_record()]), headers=KEY)
        each.append(raised(lines()))

    assert each == [set()] * 4 + [{"refusals"}] + [set()] * 3


@pytest.mark.parametrize("plan", [unavailable, forbidden])
@pytest.mark.parametrize(
    "body",
    [json.dumps(make_post([make_record(status="failed", reason=DMARC)])).encode(), b"no event"],
)
def test_what_is_not_stored_raises_storage_alone(
    make_function, faulty, lines, monkeypatch, plan, body
):
    monkeypatch.setattr("cmc_webhook.status.webhook.StatusWebhook.budget_s", 0.3)
    faulty.plan = plan
    function = make_function(
        CMC_API_KEYS="the-right-key",
        CMC_LOG_UNSTORED="true",
        FIRESTORE_EMULATOR_HOST=faulty.address,
    )
    lines()

    assert function.post("/", data=body, headers=KEY).status_code == 503

    found = lines()
    assert len(found) == 2  # the records or the body have a line of their own
    assert raised(found) == {"storage"}
    assert [raised([line]) for line in found].count({"storage"}) == 1


def test_received_mail_raises_the_same_alerts(make_inbound, faulty, lines, monkeypatch):
    def post(environ, **arguments):
        inbound = make_inbound(CMC_API_KEYS="the-right-key", **environ)
        lines()
        for _ in range(arguments.pop("times", 1)):
            inbound.post("/", **{"headers": KEY, **arguments})
        return raised(lines(), INBOUND)

    mail = {"subject": "s", "envelope-from": "a@b.jp", "envelope-to": "c@d.jp", "filter": "f",
            "headers": [], "text": "t", "html": "", "server_composition": "pro"}  # fmt: skip
    monkeypatch.setattr("cmc_webhook.inbound.webhook.InboundWebhook.budget_s", 0.3)
    faulty.plan = unavailable
    away = {"FIRESTORE_EMULATOR_HOST": faulty.address, "CMC_LOG_UNSTORED": "true"}

    assert post({}, json=mail) == set()
    assert post({}, data=b"no mail") == {"quarantine"}
    assert post({}, json=make_post([make_record()])) == {"quarantine"}
    assert post({}, data=b"no mail", headers={}, times=5) == {"refusals"}
    assert post(away, json=mail) == {"storage"}


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413, 429, 500, 503])
def test_the_lines_that_google_writes_raise_only_the_optional_alerts(status):
    entry = request_entry(status, STATUS)
    found = {name for name in FILTERS if matches(FILTERS[name], entry)}

    assert found == {403: {"forbidden"}, 500: {"crash"}}.get(status, set())


def test_another_service_raises_nothing(function, lines):
    for arguments, _ in SENT.values():
        function.post("/", **{"headers": KEY, **arguments})

    written = lines()
    assert raised(written, "another-service") == set()
    assert raised(written) == {"sender_auth", "quarantine"}


def test_the_metric_counts_accepted_posts(function, lines):
    def counted(**arguments):
        function.post("/", **arguments)
        [line] = lines()
        return matches(POSTS, entry_of(line, STATUS))

    assert counted(json=make_post([make_record()]), headers=KEY)
    assert counted(json=make_post([make_record()]), headers=KEY)  # a repeat, too
    assert counted(json=make_post([{}]), headers=KEY)
    assert not counted(json=make_post([make_record()]))


READ_BY_GCLOUD_FILTER = """
import json, sys
from googlecloudsdk.core.resource import resource_filter
for text, entry in json.load(sys.stdin):
    print(resource_filter.Compile(text).Evaluate(entry))
"""


def test_gclouds_own_filters_find_the_same_lines(function, lines):
    """A second implementation of a like language; it compares severities as words, so by number."""
    entries = [request_entry(status, STATUS) for status in (200, 403, 500)]
    for arguments, _ in SENT.values():
        function.post("/", **{"headers": KEY, **arguments})
    entries += [entry_of(line, STATUS) for line in lines()]
    texts = [FILTERS[name] for name in FILTERS]
    asked = [(text, entry) for text in texts for entry in entries]

    def numbered(text, entry):
        severity = SEVERITIES.index(entry["severity"])
        return text.replace("ERROR", str(SEVERITIES.index("ERROR"))), entry | {"severity": severity}

    told = run_in_gcloud(READ_BY_GCLOUD_FILTER, [numbered(*each) for each in asked])

    assert told.split() == [str(matches(*each)) for each in asked]
    assert told.count("True") >= 7


def every_policy(language):
    made = policies(OTHERS, LONGEST_SILENCE_H, Texts(language))
    return {name: json.loads(policy) for name, policy in made.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_says_what_to_do_and_its_subject_has_no_number(language):
    for name, policy in every_policy(language).items():
        subject, told = policy["documentation"]["subject"], policy["documentation"]["content"]
        assert not any(character.isdigit() for character in subject)
        assert len(subject.encode()) <= 255  # Google cuts it there
        assert len(told) > 50
        assert "。" in told if language == "ja" else ". " in told
        assert policy["userLabels"] == {LABEL: name}


def test_four_by_default_and_silence_only_when_asked_for():
    texts = Texts("en")

    assert [*policies((), 0, texts)] == ["refusals", "storage", "sender_auth", "quarantine"]
    assert [*policies(("crash",), 0, texts)][4:] == ["crash"]
    assert [*policies((), 20, texts)][4:] == [SILENCE]


def test_a_line_alert_has_a_rate_limit_and_closes_by_itself():
    """Google refuses a policy of log lines without a limit (documented)."""
    for name, policy in every_policy("en").items():
        assert (name == SILENCE) == ("alertStrategy" not in policy)
        assert policy.get("alertStrategy", {}) in (
            {},
            {"notificationRateLimit": {"period": "3600s"}, "autoClose": "86400s"},
        )


def test_silence_waits_no_longer_than_google_allows():
    [condition] = every_policy("en")[SILENCE]["conditions"]

    assert 20 * 3600 < int(condition["conditionAbsent"]["duration"].rstrip("s")) <= 23.5 * 3600


READ_BY_GCLOUD = """
import json, sys
from apitools.base.py import encoding
from googlecloudsdk.api_lib.util import apis
message = apis.GetMessagesModule("monitoring", "v3").AlertPolicy
def unknown(found, path):
    yield from (f"{path}.{name}" for name in found.all_unrecognized_fields())
    for field in found.all_fields():
        value = getattr(found, field.name)
        for each in value if isinstance(value, list) else [value]:
            if hasattr(each, "all_unrecognized_fields"):
                yield from unknown(each, f"{path}.{field.name}")
for policy in json.load(sys.stdin):
    read = encoding.PyValueToMessage(message, policy)
    print(*unknown(read, "policy"), end="")
    assert json.loads(encoding.MessageToJson(read)) == policy
"""


def test_gcloud_reads_each_policy_and_knows_each_field():
    made = [policy for language in LANGUAGES for policy in every_policy(language).values()]

    assert run_in_gcloud(READ_BY_GCLOUD, made) == ""

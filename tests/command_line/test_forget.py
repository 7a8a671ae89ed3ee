"""`forget`: what is kept of one address goes, a refusal stays, and nobody else loses anything."""

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from cmc_webhook.reading.decisions import refusal
from cmc_webhook.reading.forgetting import mentions
from cmc_webhook.status.addresses import address_id, described, fold
from tests.support.faults import Fault
from tests.support.mails import cmc_multipart, file, multipart, sendgrid
from tests.support.records import as_form, make_post, make_record

GONE = "taro@example.jp"
OTHERS = ["jiro@example.jp", "x-taro@example.jp", "taro@example.jp.example.com", "taro@example.jpx"]
NOW = datetime.now(UTC)
SOON = {"timeout": 0.5, "retry": DEFAULT_RETRY.with_timeout(0.5)}
MULTIPART = {"content_type": "multipart/form-data; boundary=xYzZY"}


def objects(bucket):
    return {blob.name for blob in storage.Client(project="demo-storage").list_blobs(bucket.name)}


@pytest.fixture
def kept(function, inbound, documents, bucket):
    """Keep everything of GONE and of OTHERS that can be kept; return what is kept by its place."""

    def state():
        names = ["mail_statuses", "mail_addresses", "inbound_mails"]
        names += ["mail_statuses_quarantine", "inbound_mails_quarantine"]
        return {name: documents(name) for name in names} | {"objects": objects(bucket)}

    def keep(address):
        ids = [f"<{n}-{address}>" for n in range(3)]
        good = [make_record(to=address, messageId=each) for each in ids]
        function.post("/", json=make_post(good, [make_record(to=address, status="2")]))
        function.post("/", json=make_post([make_record(to=address, created="")]))
        body, content_type = as_form(make_post([make_record(to=address, note=address)]))
        unreadable = body.replace(b"deliveries", b"others").replace(b"event=", b"none=")
        function.post("/", data=unreadable, content_type=content_type)
        odd = json.dumps({"to": f"\u3000{address}"}).replace("@", r"\u0040")
        function.post("/", data=odd.encode(), content_type="application/json")
        envelope = json.dumps({"to": ["a@example.com"], "from": address})
        headers = f"From: Taro <{address}>\nTo: a@example.com\nMessage-ID: <m-{address}>\n"
        files = [file(1, f"one {address}", "1.txt"), file(2, f"two {address}", "2.txt")]
        mail = sendgrid(*files, headers=headers, envelope=envelope)
        inbound.post("/", data=mail, **MULTIPART)
        cc = cmc_multipart(headers=[{"name": "Cc", "value": f"Taro <{address.upper()}>"}])
        inbound.post("/", data=cc, **MULTIPART)
        unknown = multipart({"field": "x", "other": f"{address}, b@example.com"})
        inbound.post("/", data=unknown, **MULTIPART)

    for address in OTHERS:
        keep(address)
    others = state()
    keep(GONE)
    return state, others


def missing(after, before):
    return {name: before[name].keys() - after[name].keys() for name in before if name != "objects"}


def test_everything_of_the_address_goes_and_nothing_of_others(kept, run):
    state, others = kept
    everything = state()
    added = {name: len(everything[name]) - len(others[name]) for name in others}
    assert added == {
        "mail_statuses": 4,
        "mail_addresses": 1,
        "inbound_mails": 2,
        "mail_statuses_quarantine": 3,
        "inbound_mails_quarantine": 1,
        "objects": 3,
    }

    asked = run("forget", GONE, input="n\n")
    assert asked.exit_code == 1
    assert state() == everything
    result = run("forget", GONE, input="y\n")

    assert result.exit_code == 0
    assert f"{GONE}: 4 delivery results, 2 received mails, 4 entries" in result.stdout
    mails = len(everything["inbound_mails"])
    entries = sum(len(everything[n]) for n in everything if n.endswith("quarantine"))
    assert f"{mails} received mails and {entries} entries were looked at." in result.stdout
    for said in ("Events that come later make documents again.", "40 days", "backups"):
        assert said in result.stdout
    assert state() == others
    again = run("forget", GONE, "--yes")
    assert "0 delivery results, 0 received mails, 0 entries" in again.stdout


def test_what_was_interrupted_is_finished_by_the_next_run(kept, run, faulty, monkeypatch):
    state, others = kept
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    writes = []
    for stop_at in range(1, 12):
        writes.clear()

        def plan(rpc, stop_at=stop_at):
            if rpc in ("Commit", "BatchWrite"):
                writes.append(rpc)
                return Fault(before="PERMISSION_DENIED") if len(writes) == stop_at else None
            return None

        faulty.plan = plan
        result = run("forget", GONE, "--yes")
        if result.exit_code == 0:
            break
        assert "Firestore: " in result.stderr

    assert result.exit_code == 0
    assert state() == others


def test_a_refusal_stays_without_the_address_and_the_function_goes_on(
    function, run, client, documents
):
    for code in ("11", "2"):
        record = make_record(to=GONE, status=code, reason=f"{GONE}: no")
        function.post("/", json=make_post(bounces=[record]))
    run("addresses", "block", GONE, "--note", f"{GONE} phoned")
    client.document("mail_addresses", address_id(GONE)).update({"crm": GONE})

    said = run("forget", GONE, "--yes", "--lang", "ja").stdout

    assert "ハッシュ値も個人データです" in said
    [left] = documents("mail_addresses").values()
    assert "taro" not in repr(left)
    assert left["unsubscribed_from"] == ["pro"]
    assert (left["operator"].keys(), left["stop_cause"]) == ({"decision", "at"}, "operator")
    assert [fact["kind"] for fact in left["facts"]] == ["unsubscribed"]
    assert "operator" in run("addresses", "show", GONE).stdout
    assert address_id(GONE) in run("addresses", "list", "--csv").stdout
    run("forget", GONE, "--yes")
    assert [*documents("mail_addresses").values()] == [left]

    later = make_record(to=GONE, status="2", messageId="<later@x>", created="2026-01-01 00:00:00")
    answer = function.post("/", json=make_post(bounces=[later]))
    assert answer.json["stored"] == 1
    [again] = documents("mail_addresses").values()
    assert (again["to"], again["to_domain"]) == (GONE, "example.jp")
    assert again["unsubscribed_from"] == ["pro"]
    assert [fact["kind"] for fact in again["facts"]] == ["unsubscribed", "hard"]
    assert again["stop_cause"] == "operator"


def fact(kind, **fields):
    about = {"at": NOW, "event": kind, "mail": f"m-{kind}", "kind": kind, "reason": GONE}
    return {**about, "server_composition": "pro", **fields}


@pytest.mark.parametrize(
    ("facts", "decision", "left"),
    [
        ([], None, set()),
        (["hard", "soft", "blocked", "recipient", "doubtful"], None, set()),
        (["hard", "unsubscribed"], None, {"facts", "unsubscribed_from"}),
        (["hard", "unsubscribed"], "allow", set()),
        (["hard"], "block", {"operator", "stop_until", "stop_cause"}),
        ([], "allow", set()),
    ],
)
def test_only_a_refusal_survives(facts, decision, left):
    operator = {"operator": {"decision": decision, "at": NOW, "note": GONE}} if decision else {}
    held = fold({**described(GONE), **operator}, map(fact, facts))

    found = refusal(held)

    assert found.keys() == left
    assert GONE not in repr(found)
    assert refusal(found) == found


def test_without_the_bucket_nothing_is_deleted(kept, run, monkeypatch):
    state, _ = kept
    before = state()
    with monkeypatch.context() as patch:
        patch.delenv("STORAGE_EMULATOR_HOST")
        result = run("forget", GONE, "--yes")

    assert result.exit_code == 1
    assert "STORAGE_EMULATOR_HOST" in result.stderr
    assert state() == before


def test_while_the_bucket_is_away_it_says_to_come_back(kept, run, monkeypatch):
    state, others = kept
    with monkeypatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
        patch.setattr("cmc_webhook.reading.objects._PATIENCE", SOON)
        result = run("forget", GONE, "--yes")

    assert result.exit_code == 1
    assert "Give the command again" in result.stderr
    assert run("forget", GONE, "--yes").exit_code == 0
    assert state() == others


@pytest.mark.parametrize(
    "content",
    [
        GONE,
        "TARO@Example.JP",
        f'{{"to": "{GONE}"}}',
        f"Taro <{GONE}>.",
        f"event={quote(json.dumps({'to': GONE}))}",
        f"to={quote(GONE)}&x=1",
        json.dumps({"to": GONE}).replace("@", r"\u0040"),
        f"event={quote(json.dumps({'to': GONE}).replace('@', chr(92) + 'u0040'))}",
        json.dumps({"text": f"line\n{GONE}\nline"}),
        f"宛先は{GONE}です",
        f"mailto:{GONE}?subject=x",
        f"to={GONE}.",
    ],
)
def test_an_address_is_found_in_every_form(content):
    assert mentions(content, GONE)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "taro",
        *OTHERS,
        "a.taro@example.jp",
        "taro@example.jp.x",
        "a%2Btaro@example.jp",
        "taroo@example.jp",
    ],
)
def test_another_address_is_not_taken_for_it(content):
    assert not mentions(content, GONE)
    assert not mentions(json.dumps({"to": content}), GONE)
    assert not mentions(quote(content), GONE)

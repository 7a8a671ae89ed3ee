"""`rebuild --addresses`: what the mails that exist say replaces what was known of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.firestore import Query

from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import ADDRESS
from cmc_webhook.reading.verdicts import verdict_of
from cmc_webhook.status.addresses import FIELDS, address_id
from cmc_webhook.status.pending import by_address
from tests.support.odd_documents import NOW, PREFIX, odd_documents, store
from tests.support.records import make_post, make_record
from tests.test_document import make_event

ADDRESSES = "mail_addresses"
TO = "user@example.jp"
ID = address_id(TO)


def bounces(count, **changes):
    return [
        make_record(
            messageId=f"<{n}@example.com>",
            status=str((2, 5, 11, 10)[n % 4]),
            to=f"user{n % 7}@example.jp",
            created=f"2025-01-{10 + n % 9} 14:03:06",
            **changes,
        )
        for n in range(count)
    ]


@pytest.fixture
def faulty(faulty, monkeypatch, run):
    """A proxy through which the commands go; *run* has set the address behind it."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    return faulty


def remove_all(client):
    for reference in client.collection(ADDRESSES).list_documents():
        reference.delete()


def test_it_makes_what_the_function_wrote(run, post, client, faulty, documents):
    post([make_record(messageId=f"<{n}@example.com>") for n in range(40)], bounces(40))
    written = documents(ADDRESSES)
    assert len(written) == 7
    calls = Counter()
    faulty.plan = lambda rpc: calls.update([rpc])

    unchanged = run("rebuild", "--addresses", "--store")
    assert unchanged.stdout == "Documents read: 7, changed: 0.\n"
    assert "BatchWrite" not in calls

    remove_all(client)
    counted = run("rebuild", "--addresses")
    assert "Documents read: 7, to change: 7." in counted.stdout
    assert documents(ADDRESSES) == {}
    assert "changed: 7." in run("rebuild", "--addresses", "--store").stdout
    assert documents(ADDRESSES) == written
    assert calls["BatchWrite"] == 1


def test_what_is_known_of_other_mails_and_what_a_person_decided_is_kept(
    run, post, client, documents
):
    post(bounces=[make_record(status="2"), make_record(status="2", messageId="<gone@x.jp>")])
    post(bounces=[make_record(status="9", messageId="<2@x.jp>", created="2025-02-25 14:03:06")])
    ids = {fields["message_id"]: name for name, fields in documents().items()}
    client.collection("mail_statuses").document(ids["<gone@x.jp>"]).delete()
    fact = documents(ADDRESSES)[ID]["facts"][0]
    expired = fact | {"mail": "expired", "event": "1", "at": datetime(2024, 6, 1, tzinfo=UTC)}
    planted = fact | {"mail": ids["<2@x.jp>"], "event": "2", "at": datetime(2024, 7, 1, tzinfo=UTC)}
    allow = {"decision": "allow", "at": datetime(2024, 6, 1, tzinfo=UTC)}
    client.collection(ADDRESSES).document(ID).update(
        {"facts": [expired, planted, fact | {"kind": "soft"}], "operator": allow, "ours": 1}
    )

    result = run("rebuild", "--addresses", "--store")

    assert result.exit_code == 0
    document = documents(ADDRESSES)[ID]
    # Of the two mails of one day the greater stands.
    assert document["facts"][0]["mail"] == "expired"
    assert {f["kind"] for f in document["facts"]} == {"hard"}
    assert "2" not in [f["event"] for f in document["facts"]]
    assert (document["operator"], document["ours"]) == (allow, 1)
    assert document["stop_until"].year == 9999  # two days of those that count


def test_a_bounce_that_arrives_meanwhile_is_not_lost(run, client, make_function, faulty, documents):
    """The address is written, its mail not yet, when both are read."""
    function = make_function(CMC_ALLOW_UNAUTHENTICATED="true", CMC_ADDRESSES="false")
    function.post("/", json=make_post([make_record()]))
    bounce = make_event("bounces", status="2")
    [(document_id, pending)] = by_address([bounce]).items()
    written = pending.fold({})
    client.collection(ADDRESSES).document(document_id).set(written)
    posted = []

    def meanwhile(rpc):
        if rpc == "BatchWrite" and not posted:
            posted.append(rpc)
            function.post("/", json=make_post([], [bounce.record.value]))

    faulty.plan = meanwhile
    result = run("rebuild", "--addresses", "--store")

    assert (result.exit_code, posted) == (0, ["BatchWrite"])
    assert documents(ADDRESSES) == {document_id: written}


def test_one_that_writes_meanwhile_wins_and_the_rebuild_follows(
    run, post, client, faulty, documents
):
    post(bounces=[make_record(status="2")])
    reference = client.collection(ADDRESSES).document(ID)
    reference.update({"stop_until": NOW})
    decided = {"decision": "block", "at": NOW}
    wrote = []

    def meanwhile(rpc):
        if rpc == "BatchWrite" and not wrote:
            wrote.append(rpc)
            reference.update({"operator": decided})

    faulty.plan = meanwhile
    run("rebuild", "--addresses", "--store")

    document = documents(ADDRESSES)[ID]
    assert (document["operator"], document["stop_cause"]) == (decided, "operator")


SOUND = {
    "to": TO,
    "to_domain": "example.jp",
    "facts": [{"at": NOW, "event": "a", "mail": "b", "kind": "hard"}],
    "unsubscribed_from": ["pro"],
    "stop_until": NOW + timedelta(days=30),
    "stop_cause": "hard",
    "operator": {"decision": "allow", "at": NOW - timedelta(days=1)},
}


def test_no_odd_document_stops_it(run, client, post):
    assert SOUND.keys() == {*FIELDS}
    odd = odd_documents(SOUND, client)
    store(client, ADDRESSES, odd)
    post(bounces=[make_record(status="2")])

    result = run("rebuild", "--addresses", "--store")

    assert result.exit_code == 1
    assert f"Documents read: {len(odd) + 1:,}" in result.stdout
    assert "(a field of another type)" in result.stdout
    found = {
        each.id: each.stored for each in queries.run(Query(client.collection(ADDRESSES)), ADDRESS)
    }
    assert found[ID]["stop_cause"] == "hard"
    # A field that is null or missing follows from the others again.
    assert {found[name]["stop_until"] for name in odd if "stop_until-null" in name} == {
        found[f"{PREFIX}sound"]["stop_until"]
    }


def test_no_odd_document_stops_the_verdict(client):
    store(client, ADDRESSES, odd_documents(SOUND, client))
    for document in queries.run(Query(client.collection(ADDRESSES)), ADDRESS):
        verdict = verdict_of(document, NOW)
        is_broken = {"stop_until", "unsubscribed_from"} & {*document.unreadable}
        assert (verdict.cause == "unreadable") is bool(is_broken)


def test_a_zone_is_for_the_mails(run):
    assert run("rebuild", "--addresses", "--zone", "Asia/Tokyo").exit_code == 2

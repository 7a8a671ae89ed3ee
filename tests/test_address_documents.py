"""The documents of addresses as posts write them: beside the mails, and never instead of them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook import database as rpc
from cmc_webhook.status import cache
from cmc_webhook.status.addresses import address_id, changes, decide, described
from cmc_webhook.status.pending import by_address, by_mail
from cmc_webhook.status.store import Saved, StatusStore
from tests.support.faults import WRITE, Fault
from tests.support.records import make_post, make_record
from tests.test_document import at, make_event
from tests.test_faults import BUDGET
from tests.test_store import Interrupted

ADDRESSES = "mail_addresses"
TO = "no-user@example.jp"
ID = address_id(TO)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_bounce(code="2", **changes):
    return make_record(status=code, to=TO, **changes)


def answer(stored=0, unchanged=0, quarantined=0):
    counts = {"stored": stored, "unchanged": unchanged, "quarantined": quarantined}
    return counts | {"received": stored + unchanged + quarantined}


def test_a_bounce_makes_the_document_of_its_address(post, documents):
    post([make_record(), make_record(status="failed", to=TO)])
    assert documents(ADDRESSES) == {}

    assert post(bounces=[make_bounce(), make_bounce("6")]).json == answer(stored=2)

    [(document_id, document)] = documents(ADDRESSES).items()
    [mail] = [name for name, each in documents().items() if each["to"] == TO]
    assert document_id == ID
    assert [fact["mail"] for fact in document["facts"]] == [mail]
    assert document.keys() == {"to", "to_domain", "facts", "stop_until", "stop_cause"}


def test_it_can_be_switched_off_and_has_its_own_collection(make_function, documents):
    open_ = {"CMC_ALLOW_UNAUTHENTICATED": "true"}
    make_function(**open_, CMC_ADDRESSES="false").post("/", json=make_post([], [make_bounce()]))
    assert documents(ADDRESSES) == {}
    named = make_function(**open_, CMC_ADDRESS_COLLECTION="stops", CMC_RETENTION_DAYS="1")
    named.post("/", json=make_post([], [make_bounce(messageId="<other@example.com>")]))

    assert documents(ADDRESSES) == {}
    assert documents("stops").keys() == {ID}
    # A refusal must outlive the mail.
    assert "expires_at" not in documents("stops")[ID]
    assert ["expires_at" in mail for mail in documents().values()].count(True) == 1


# What a post costs beside one without bounces: nothing without, at most one call with them.


@pytest.fixture
def database(client, firestore_address):
    environ = {"FIRESTORE_EMULATOR_HOST": firestore_address, "GOOGLE_CLOUD_PROJECT": client.project}
    return Interrupted(rpc.connect(environ, "(default)"))


def make_store(database):
    return StatusStore(database, "mail_statuses", cache=cache.Cache())


def save(store, *events):
    """Save mails and addresses; return the calls, and the documents stored and unchanged."""
    budget, saved = rpc.Budget(30), Saved()
    documents = store.named("mail_statuses", by_mail(events))
    documents |= store.named(ADDRESSES, by_address(events))
    store.save(documents, NOW, budget, saved)
    assert saved.refused == {}
    return dict(budget.rpcs), len(saved.stored), len(saved.unchanged)


def events_of(number, *steps):
    return [
        make_event(
            "bounces" if word.isdigit() else "deliveries",
            status=word,
            messageId=f"<{number}@example.com>",
            to=TO,
            created=at(second, minute=number),
        )
        for second, word in enumerate(steps)
    ]


READ_AND_WRITE = {"BatchGetDocuments": 1, "BatchWrite": 1}


def test_the_calls_of_a_life(database):
    store = make_store(database)
    [queued, failed, bounced] = events_of(1, "queued", "failed", "2")
    assert save(store, queued, failed) == ({"BatchWrite": 1}, 1, 0)

    # One call more, as the address is not known. Both documents share it.
    assert save(store, bounced) == (READ_AND_WRITE, 2, 0)
    assert save(store, bounced) == ({}, 0, 2)
    [queued, bounced] = events_of(2, "queued", "2")
    assert save(store, queued, bounced) == ({"BatchWrite": 1}, 2, 0)
    # Of one second, the greater fact stands: the address may stay as it is.
    assert save(make_store(database), bounced) == ({"BatchGetDocuments": 1}, 0, 2)


def test_another_instance_reads_both_in_one_call(database):
    [queued, failed, bounced] = events_of(1, "queued", "failed", "2")
    save(make_store(database), queued, failed)

    assert save(make_store(database), bounced) == (READ_AND_WRITE, 2, 0)


def test_fields_of_an_application_with_the_names_of_the_other_collection_stay(
    client, database, documents
):
    """Both are read with the fields of either."""
    [bounced] = events_of(1, "2")
    save(make_store(database), bounced)
    [mail] = documents()
    client.collection("mail_statuses").document(mail).update({"operator": 5, "facts": "ours"})
    client.collection(ADDRESSES).document(ID).update({"status": ["ours"], "first_received_at": 1})

    [again] = events_of(2, "9")
    save(make_store(database), *events_of(1, "2", "5"), again)

    assert (documents()[mail]["operator"], documents()[mail]["facts"]) == (5, "ours")
    address = documents(ADDRESSES)[ID]
    assert (address["status"], address["first_received_at"]) == (["ours"], 1)


# A post half stored.


def test_a_post_of_which_the_address_is_missing_is_never_answered_200(
    make_function, faulty, documents, monkeypatch
):
    monkeypatch.setattr(BUDGET, 1.0)
    function = make_function(
        CMC_ALLOW_UNAUTHENTICATED="true", FIRESTORE_EMULATOR_HOST=faulty.address
    )
    body = make_post([], [make_bounce()])

    def refuse_address(rpc_name):
        # The address is written first; alone once the mail is stored.
        return Fault(writes={0: "ABORTED"}) if rpc_name == WRITE else None

    for _ in range(2):
        faulty.plan = refuse_address
        assert function.post("/", json=body).status_code == 503
        assert len(documents()) == 1
        assert documents(ADDRESSES) == {}

    faulty.plan = lambda rpc_name: None
    assert function.post("/", json=body).json == answer(unchanged=1)
    assert documents(ADDRESSES).keys() == {ID}


def test_an_address_whose_document_was_deleted_comes_back_with_the_next_bounce(
    database, client, documents
):
    store = make_store(database)
    [first, second] = [events_of(number, "2")[0] for number in (1, 2)]
    save(store, first)
    client.collection(ADDRESSES).document(ID).delete()

    save(store, second)

    assert documents(ADDRESSES).keys() == {ID}


# Two write one address.


def test_a_rival_between_read_and_write_loses_nothing(database, documents):
    [ours, theirs] = [events_of(number, code)[0] for number, code in ((1, "2"), (2, "5"))]
    rival = make_store(database)
    database.after_reads = [lambda: save(rival, theirs)]

    save(make_store(database), ours)

    assert [fact["kind"] for fact in documents(ADDRESSES)[ID]["facts"]] == ["hard", "soft"]


def test_a_decision_of_an_operator_is_kept(database, client, documents):
    """It is written between the read of the function and its write."""
    operator = {"decision": "allow", "at": datetime(2025, 1, 25, 6, tzinfo=UTC), "note": "asked"}
    reference = client.collection(ADDRESSES).document(ID)
    reference.set(described(TO))

    def allow():
        snapshot = reference.get()
        changed = changes(snapshot.to_dict(), decide(snapshot.to_dict(), operator))
        written_at = client.write_option(last_update_time=snapshot.update_time)
        reference.update({n: v for n, v in changed.items() if v is not None}, option=written_at)

    database.after_reads = [allow]
    [bounced] = events_of(1, "2")
    save(make_store(database), bounced)

    document = documents(ADDRESSES)[ID]
    assert document["operator"] == operator
    assert len(document["facts"]) == 1
    assert "stop_until" not in document
    later = make_event("bounces", status="2", to=TO, created="2025-01-25 15:00:01", messageId="<2>")
    save(make_store(database), later)
    assert documents(ADDRESSES)[ID]["stop_cause"] == "hard"


# Addresses that cannot be written. Their mails are stored.


def last_line(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_an_unreadable_address_is_in_quarantine_and_the_mail_is_stored(
    post, client, documents, quarantine, capsys
):
    reference = client.collection(ADDRESSES).document(ID)
    reference.set({"facts": "none", "ours": 1})

    assert post([make_record()], [make_bounce()]).json == answer(stored=2)

    line = last_line(capsys)
    assert (line["severity"], line["why"]) == ("ERROR", {"unreadable_address": 1})
    [entry] = quarantine()
    assert (entry["why"], entry["event_type"]) == ("unreadable_address", "bounces")
    assert len(documents()) == 2
    assert documents(ADDRESSES) == {ID: {"facts": "none", "ours": 1}}
    # The same post again adds nothing. Once the field is gone, it mends the document.
    assert post(bounces=[make_bounce()]).json == answer(unchanged=1)
    assert len(quarantine()) == 1
    reference.set({"ours": 1})
    assert post(bounces=[make_bounce()]).json == answer(unchanged=1)
    assert documents(ADDRESSES)[ID].keys() > {"ours", "facts", "stop_until"}


def test_an_address_that_firestore_refuses_is_in_quarantine(post, client, documents, quarantine):
    full = {"ours": "x" * (1024 * 1024 - 200)}
    client.collection(ADDRESSES).document(ID).set(full)

    assert post(bounces=[make_bounce()]).json == answer(stored=1)

    assert [entry["why"] for entry in quarantine()] == ["refused_by_firestore"]
    assert documents(ADDRESSES) == {ID: full}


def test_a_record_of_which_both_documents_are_refused_is_one_entry(post, client, quarantine):
    post(bounces=[make_bounce()])
    for name in ("mail_statuses", ADDRESSES):
        for reference in client.collection(name).list_documents():
            reference.update({"events": "none", "facts": "none"})
    later = make_bounce("9")

    # The instance trusts what it wrote, and learns by the failed write.
    assert post(bounces=[later]).json == answer(quarantined=1)

    assert [entry["why"] for entry in quarantine()] == ["unreadable_document"]


def test_an_edited_stop_is_computed_again_with_the_next_fact(post, client, documents):
    post(bounces=[make_bounce()])
    reference = client.collection(ADDRESSES).document(ID)
    reference.update({"stop_until": datetime(2020, 1, 1, tzinfo=UTC), "operator": None})

    post(bounces=[make_bounce("5", messageId="<other@example.com>")])

    document = documents(ADDRESSES)[ID]
    assert document["stop_until"] == datetime(2025, 1, 24, 15, tzinfo=UTC) + timedelta(days=30)

"""Reads by name, and listings."""

from datetime import UTC, datetime

import pytest
from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.vector import Vector


def test_found_and_missing_documents_are_told_apart(client, mails, store):
    store(a={"n": 1}, c={"n": 3})
    names = [mails.document(document_id) for document_id in "abc"]

    found = {s.id: s.to_dict() for s in client.get_all(names)}

    assert found == {"a": {"n": 1}, "b": None, "c": {"n": 3}}


def test_a_mask_reads_only_the_named_paths(client, mails, store):
    store(a={"n": 1, "other": 2, "map": {"x": 3, "a.b": 4, "other": 5}})

    [snapshot] = client.get_all(
        [mails.document("a")], field_paths=["n", "map.x", "map.`a.b`", "missing.field"]
    )

    assert snapshot.to_dict() == {"n": 1, "map": {"x": 3, "a.b": 4}}


def test_a_masked_read_has_the_times_of_the_document(client, mails):
    written = mails.document("a").set({"n": 1, "other": 2})
    [snapshot] = client.get_all([mails.document("a")], field_paths=["n"])

    assert snapshot.update_time == snapshot.create_time == written.update_time


def test_the_read_time_is_never_before_what_was_read(mails):
    for n in range(20):
        written = mails.document("a").set({"n": n})
        assert mails.document("a").get().read_time >= written.update_time


def test_every_type_of_value_comes_back_as_it_was(client, mails):
    fields = {
        "null": None,
        "true": True,
        "int": -(2**63),
        "double": 1e300,
        "time": datetime(2025, 1, 25, 14, 3, 6, 123456, tzinfo=UTC),
        "text": "こんにちは 🙂 \0",
        "bytes": b"\xff\x00",
        "reference": client.document("other/b"),
        "place": GeoPoint(35.68, 139.76),
        "array": [1, "x", {"y": [2]}],
        "vector": Vector([1.0, 2.5]),
        "map": {"空": {}},
    }
    mails.document("a").set(fields)

    assert mails.document("a").get().to_dict() == fields


def test_documents_are_listed_by_id_over_pages(mails, store):
    store(**{f"d{n}": {"n": n} for n in range(7)})

    listed = [reference.id for reference in mails.list_documents(page_size=3)]

    assert listed == [f"d{n}" for n in range(7)]


def test_a_listing_does_not_go_into_other_collections(client, mails, store):
    store(a={"n": 1})
    mails.document("a").collection("events").document("e").set({"n": 2})
    client.collection("other").document("o").set({"n": 3})

    assert [reference.path for reference in mails.list_documents()] == ["mails/a"]
    assert [d.id for d in mails.document("a").collection("events").stream()] == ["e"]


def test_collections_are_listed_per_parent(client, mails, store):
    store(a={"n": 1})
    for name in ("z", "events"):
        mails.document("a").collection(name).document("e").set({})
    client.collection("other").document("o").set({})

    assert [c.id for c in client.collections()] == ["mails", "other"]
    assert [c.id for c in mails.document("a").collections()] == ["events", "z"]


@pytest.mark.parametrize("document_id", ["a b", "件名", "🙂", "a%2Fb", "__", "_x_", "x" * 1500])
def test_unusual_ids_are_ids(mails, document_id):
    mails.document(document_id).set({"n": 1})

    assert mails.document(document_id).get().to_dict() == {"n": 1}
    assert [d.id for d in mails.stream()] == [document_id]

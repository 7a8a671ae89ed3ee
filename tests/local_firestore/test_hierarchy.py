"""Subcollections: collection groups, recursive queries, missing parents."""

import pytest
from google.cloud import firestore
from google.cloud.firestore import FieldFilter

PATHS = [
    "mails/a",
    "mails/a/parts/x",
    "mails/a/parts/x/parts/deep",
    "mails/b/parts/y",
    "mails-old/a",
    "mails0/a",
    "parts/root",
    "others/c/attachments/z",
]


@pytest.fixture
def tree(client):
    for n, path in enumerate(PATHS):
        client.document(path).set({"n": n})


def paths(query):
    return [snapshot.reference.path for snapshot in query.stream()]


def test_a_collection_group_has_the_collections_of_that_id_at_any_depth(client, tree):
    assert paths(client.collection_group("parts")) == [
        "mails/a/parts/x",
        "mails/a/parts/x/parts/deep",
        "mails/b/parts/y",
        "parts/root",
    ]


def test_a_collection_group_is_filtered_ordered_and_counted(client, tree):
    group = client.collection_group("parts")
    later = group.where(filter=FieldFilter("n", ">", 1)).order_by("n", direction="DESCENDING")

    assert paths(later.limit(2)) == ["parts/root", "mails/b/parts/y"]
    [[count]] = later.count().get()
    assert count.value == 3


def test_a_collection_group_is_cut_by_names(client, tree):
    group = client.collection_group("parts").order_by("__name__")

    found = paths(
        group.start_at({"__name__": client.document("mails/a/parts/x")}).end_before(
            {"__name__": client.document("parts/root")}
        )
    )
    assert found == ["mails/a/parts/x", "mails/a/parts/x/parts/deep", "mails/b/parts/y"]


def test_a_group_ends_at_its_parent(api, database, client, tree):
    query = {"from_": [{"collection_id": "parts", "all_descendants": True}]}
    request = {"parent": f"{database}/documents/mails/a", "structured_query": query}

    names = [answer.document.name for answer in api.run_query(request=request)]
    assert [name.rpartition("/")[2] for name in names] == ["x", "deep"]


def test_all_collections_of_a_parent_at_once(api, database, tree):
    request = {"parent": f"{database}/documents", "structured_query": {"from_": [{}]}}

    names = [answer.document.name for answer in api.run_query(request=request)]
    assert [name.partition("/documents/")[2] for name in names] == [
        "mails/a",
        "mails-old/a",
        "mails0/a",
        "parts/root",
    ]


def test_recursive_is_the_collection_with_all_below_and_no_neighbour(client, tree):
    assert paths(client.collection("mails").recursive()) == [
        "mails/a",
        "mails/a/parts/x",
        "mails/a/parts/x/parts/deep",
        "mails/b/parts/y",
    ]


def test_recursive_delete_leaves_the_neighbours(client, tree):
    deleted = client.recursive_delete(client.collection("mails"))

    assert deleted == 4
    left = [path for path in PATHS if client.document(path).get().exists]
    assert left == ["mails-old/a", "mails0/a", "parts/root", "others/c/attachments/z"]


def test_ids_that_are_numbers_come_first_and_in_their_order(mails):
    for document_id in ("__id10__", "__id7__", "a", "__id-3__", "0"):
        mails.document(document_id).set({"n": 1})
    in_order = ["__id-3__", "__id7__", "__id10__", "0", "a"]

    assert [snapshot.id for snapshot in mails.stream()] == in_order
    assert [reference.id for reference in mails.list_documents(page_size=2)] == in_order


@pytest.mark.parametrize("page_size", [1, 2, 300])
def test_parents_that_are_not_there_are_listed_once_among_those_that_are(client, tree, page_size):
    client.document("mails/b/parts/x/parts/deeper/still/more").set({"n": 1})
    listed = client.collection("mails").list_documents(page_size=page_size)
    below = client.collection("mails/b/parts").list_documents(page_size=page_size)

    assert [reference.id for reference in listed] == ["a", "b"]
    assert [reference.id for reference in below] == ["x", "y"]
    assert [r.id for r in client.collection("mails/b/parts/x/parts").list_documents()] == ["deeper"]


@pytest.mark.builtin("Google's emulator lists missing documents to administrators only")
def test_a_missing_parent_is_listed_without_times_and_only_if_asked(api, database, tree):
    request = {"parent": f"{database}/documents", "collection_id": "others"}
    [missing] = api.list_documents(request={**request, "show_missing": True, "mask": {}})

    assert missing.name == f"{database}/documents/others/c"
    assert "create_time" not in missing
    assert list(api.list_documents(request=request)) == []


def test_collections_are_listed_also_if_only_something_deeper_is_there(client, tree):
    assert [c.id for c in client.collections()] == [
        "mails",
        "mails-old",
        "mails0",
        "others",
        "parts",
    ]
    assert [c.id for c in client.document("others/c").collections()] == ["attachments"]


def test_databases_and_projects_see_nothing_of_each_other(client, mails):
    mails.document("a").set({"n": 1})
    others = [
        firestore.Client(project=client.project, database="other"),
        firestore.Client(project=f"{client.project}x"),
    ]
    for other in others:
        assert list(other.collection("mails").stream()) == []
        assert list(other.collection_group("mails").stream()) == []
        assert list(other.collections()) == []
        other.document("mails/a").create({"n": 2})

    assert mails.document("a").get().get("n") == 1

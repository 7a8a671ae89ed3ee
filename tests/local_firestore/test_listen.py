"""Listeners: first all documents, then every change, in order and once."""

import contextlib
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.exceptions import GoogleAPICallError, ResourceExhausted
from google.cloud import firestore
from google.cloud.firestore_v1 import types

from cmc_webhook.local_firestore.listen import MOST_LISTENERS, ListenTarget
from cmc_webhook.local_firestore.messages import Document
from cmc_webhook.local_firestore.resource_names import DocumentName
from cmc_webhook.local_firestore.server import start
from cmc_webhook.local_firestore.storage import Storage
from tests.support.processes import until

WRITER = """
import sys
from google.cloud import firestore

client = firestore.Client(project=sys.argv[1])
for n in range(40):
    client.document(f"mails/{sys.argv[2]}").set({"n": n})
"""


@pytest.fixture
def listen():
    """Listen to a reference or query; the result is a queue of lists of changes."""
    watches = []

    def start_listening(target):
        calls = queue.Queue()
        watches.append(target.on_snapshot(lambda docs, changes, time: calls.put(changes)))
        return calls

    yield start_listening
    for watch in watches:
        watch.unsubscribe()


@pytest.fixture
def restarting(tmp_path, monkeypatch):
    """A client of a server of its own, and a function that restarts it and deletes a document."""
    data = str(tmp_path / "firestore.sqlite3")
    servers = [start(data, 0)]

    def restart(path):
        servers[0].stop()
        meanwhile = start(data, 0)
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", meanwhile.address)
        firestore.Client(project="reconnect").document(path).delete()
        meanwhile.stop()
        servers[0] = start(data, servers[0].port)

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", servers[0].address)
    yield firestore.Client(project="reconnect"), restart
    servers[0].stop()


@pytest.fixture
def stream(api, database):
    """Send requests on one stream; return an iterator over the responses."""
    requests = queue.Queue()
    calls = []

    def send(**parts):
        requests.put(types.ListenRequest(database=database, **parts))
        if not calls:
            calls.append(api.listen(iter(requests.get, None)))
        return calls[0]

    yield send
    requests.put(None)
    for call in calls:
        call.cancel()


def write_numbers(mail, gate):
    """Write 0 to 199, and retry each until it succeeds; wait for *gate* in the middle."""
    for n in range(200):
        if n == 100:
            gate.wait()
        while True:
            with contextlib.suppress(GoogleAPICallError):
                mail.set({"n": n}, timeout=5)
                break


def told(changes):
    return [(change.type.name, change.document.id, change.document.to_dict()) for change in changes]


def following(calls):
    return told(calls.get(timeout=120))


def until_consistent(answers):
    """Return the responses before the next one that reports a consistent state."""
    found = []
    for answer in answers:
        if "target_change" in answer and answer.target_change.target_change_type == 0:
            return found
        found.append(answer)


def test_a_document_comes_changes_and_goes(listen, mails):
    mail = mails.document("a")
    calls = listen(mail)
    assert following(calls) == []
    mails.document("b").set({"n": 0})
    mail.set({"n": 1})
    assert following(calls) == [("ADDED", "a", {"n": 1})]
    mail.update({"n": 2})
    assert following(calls) == [("MODIFIED", "a", {"n": 2})]
    mail.delete()
    assert following(calls) == [("REMOVED", "a", {"n": 2})]


def test_a_collection_begins_with_what_is_there(listen, client, mails):
    mails.document("a").set({"n": 1})
    calls = listen(mails)
    assert following(calls) == [("ADDED", "a", {"n": 1})]
    client.document("mails/a/parts/x").set({"n": 0})
    client.document("others/a").set({"n": 0})
    mails.document("b").set({"n": 2})
    assert following(calls) == [("ADDED", "b", {"n": 2})]


def test_a_batch_is_one_change(listen, client, mails):
    mails.document("a").set({"n": 1})
    calls = listen(mails)
    following(calls)
    batch = client.batch()
    batch.delete(mails.document("a"))
    batch.set(mails.document("b"), {"n": 1})
    batch.set(mails.document("c"), {"n": 1})
    batch.update(mails.document("c"), {"n": 2})
    batch.commit()

    assert following(calls) == [
        ("REMOVED", "a", {"n": 1}),
        ("ADDED", "b", {"n": 1}),
        ("ADDED", "c", {"n": 2}),
    ]


def test_what_changes_nothing_is_not_told(listen, mails):
    mails.document("a").set({"n": 1})
    calls = listen(mails)
    following(calls)
    mails.document("a").set({"n": 1})
    mails.document("missing").delete()
    mails.document("a").set({"n": 2})

    assert following(calls) == [("MODIFIED", "a", {"n": 2})]


def test_documents_enter_a_query_and_leave_it(listen, mails):
    calls = listen(mails.where(filter=firestore.FieldFilter("n", ">", 5)))
    assert following(calls) == []
    mails.document("a").set({"n": 1})
    mails.document("a").set({"n": 6})
    assert following(calls) == [("ADDED", "a", {"n": 6})]
    mails.document("a").set({"n": 2})
    assert following(calls) == [("REMOVED", "a", {"n": 6})]


def test_a_limit_is_filled_again(listen, mails, store):
    store(**{document_id: {"n": n} for n, document_id in enumerate("abcd")})
    calls = listen(mails.order_by("n").limit(2))
    assert [id_ for _, id_, _ in following(calls)] == ["a", "b"]
    mails.document("a").delete()
    assert following(calls) == [("REMOVED", "a", {"n": 0}), ("ADDED", "c", {"n": 2})]
    mails.document("d").set({"n": 0})
    assert following(calls) == [("REMOVED", "c", {"n": 2}), ("ADDED", "d", {"n": 0})]


def test_a_collection_group_is_followed_everywhere(listen, client):
    calls = listen(client.collection_group("parts"))
    assert following(calls) == []
    client.document("mails/a/parts/x").set({"n": 1})
    assert following(calls) == [("ADDED", "x", {"n": 1})]
    client.document("parts/y").set({"n": 2})
    assert following(calls) == [("ADDED", "y", {"n": 2})]


def test_every_change_comes_in_order_and_once_while_processes_write(listen, client, mails):
    calls = listen(mails)
    following(calls)
    command = [sys.executable, "-c", WRITER, client.project]
    writers = [subprocess.Popen([*command, f"w{n}"]) for n in range(2)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: [mails.document(f"t{n}").set({"n": k}) for k in range(40)], "1234"))
    assert [writer.wait() for writer in writers] == [0, 0]
    seen = {}
    while sum(map(len, seen.values())) < 6 * 40:
        for _, document_id, fields in following(calls):
            seen.setdefault(document_id, []).append(fields["n"])

    assert seen == {name: list(range(40)) for name in ("w0", "w1", "t1", "t2", "t3", "t4")}
    assert calls.empty()


@pytest.mark.builtin
def test_a_commit_that_the_start_has_included_is_not_told_again():
    storage = Storage(":memory:")
    name = DocumentName("projects/p/databases/d/documents", "mails", "a")
    told_later = storage.latest()
    with storage.writing() as writer:
        writer.tick()
        writer.put(name, Document(name=str(name)))
    target = ListenTarget(id=1, read=lambda reader: reader.get_all([name]))

    assert len([*target.update(storage.latest())]) == 1
    assert not [*target.update(told_later)]
    storage.close()


@pytest.mark.builtin
def test_over_a_reconnect_nothing_comes_twice_or_is_lost(restarting, listen):
    client, restart = restarting
    mails = client.collection("mails")
    mails.document("leaves").set({"n": -1})
    calls = listen(mails)
    following(calls)
    gate = threading.Event()
    writer = threading.Thread(target=write_numbers, args=(mails.document("a"), gate))
    writer.start()
    until(lambda: calls.qsize() > 20)
    restart("mails/leaves")
    gate.set()
    writer.join()
    seen = []
    while ("MODIFIED", "a", {"n": 199}) not in seen:
        seen += following(calls)

    numbers = [fields["n"] for kind, document_id, fields in seen if document_id == "a"]
    assert numbers == sorted(set(numbers))
    assert [kind for kind, document_id, _ in seen if document_id == "leaves"] == ["REMOVED"]


@pytest.mark.builtin(
    "Google's emulator reports the first consistent state of a stream more than once"
)
def test_a_stream_takes_several_targets_and_drops_them(stream, database, mails):
    mails.document("a").set({"n": 1})
    parent = f"{database}/documents"
    stream(add_target={"target_id": 1, "documents": {"documents": [f"{parent}/mails/a"]}})
    query = {"from_": [{"collection_id": "mails"}]}
    answers = stream(
        add_target={"target_id": 2, "query": {"parent": parent, "structured_query": query}}
    )
    begun = until_consistent(answers) + until_consistent(answers)
    assert [list(a.document_change.target_ids) for a in begun if "document_change" in a] == [
        [1],
        [2],
    ]
    stream(remove_target=1)
    assert next(answers).target_change.target_change_type == 2
    mails.document("a").set({"n": 2})
    changed = until_consistent(answers)
    assert [list(a.document_change.target_ids) for a in changed] == [[2]]


@pytest.mark.builtin
def test_a_missing_document_is_told_and_a_deletion_is_not_a_removal(stream, database, mails):
    name = f"{database}/documents/mails/a"
    answers = stream(add_target={"target_id": 1, "documents": {"documents": [name]}})
    missing = [a for a in until_consistent(answers) if "document_delete" in a]
    assert [a.document_delete.document for a in missing] == [name]
    mails.document("a").set({"n": 1})
    mails.document("a").delete()
    [changed], [deleted] = until_consistent(answers), until_consistent(answers)

    assert changed.document_change.document.name == name
    assert list(deleted.document_delete.removed_target_ids) == [1]


@pytest.mark.builtin
@pytest.mark.parametrize(
    "target",
    [
        {"target_id": 1},
        {"target_id": 1, "documents": {"documents": ["projects/p/databases/d/documents/a/b"]}},
        {"documents": {"documents": []}},
    ],
)
def test_a_target_that_is_refused_is_removed_with_the_cause(stream, target):
    answer = next(stream(add_target=target))

    assert answer.target_change.target_change_type == 2
    assert answer.target_change.cause.code == 3


@pytest.mark.builtin
def test_a_listener_over_the_limit_is_refused_and_other_calls_go_on(api, database, mails):
    request = types.ListenRequest(
        database=database,
        add_target={
            "target_id": 1,
            "documents": {"documents": [f"{database}/documents/mails/a"]},
        },
    )
    done = threading.Event()

    def requests():
        yield request
        done.wait()

    streams = [api.listen(requests()) for _ in range(MOST_LISTENERS)]
    for stream in streams:
        next(stream)
    with pytest.raises(ResourceExhausted, match="listeners"):
        next(api.listen(requests(), retry=None))
    mails.document("a").set({"n": 1})
    found = mails.document("a").get(timeout=10).to_dict()
    streams.pop().cancel()

    def is_open():
        with contextlib.suppress(ResourceExhausted):
            streams.append(api.listen(requests(), retry=None))
            return next(streams[-1])

    until(is_open)
    done.set()
    for stream in streams:
        stream.cancel()
    assert found == {"n": 1}

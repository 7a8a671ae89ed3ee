"""Transactions are atomic and serializable."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.exceptions import Aborted, InvalidArgument, NotFound
from google.cloud import firestore

THREADS = 8
TIMES = 50
OPTIMISTIC = pytest.mark.builtin(
    "Google's emulator locks what a transaction reads; a write that waits for the lock times out"
)


@pytest.fixture
def counter(mails):
    """A document with n = 0."""
    mails.document("counter").set({"n": 0})
    return mails.document("counter")


@pytest.fixture
def begin(client):
    """Begin a transaction as the client's decorator does."""

    def begin_transaction(retry_id=None, **options):
        transaction = client.transaction(**options)
        transaction._begin(retry_id=retry_id)
        return transaction

    return begin_transaction


@pytest.fixture
def begun(api, database):
    """Begin a transaction; return its id."""
    return lambda **options: (
        api.begin_transaction(request={"database": database, "options": options}).transaction
    )


@firestore.transactional
def increment(transaction, reference):
    n = reference.get(transaction=transaction).get("n")
    transaction.update(reference, {"n": n + 1})
    return n


def n_of(reference, **options):
    return reference.get(**options).get("n")


def run(client, body, **options):
    """Run *body* as a transaction of its own: the decorated function is not thread-safe."""
    return firestore.transactional(body)(client.transaction(**options))


def test_a_transaction_writes_all_its_writes_at_one_time(client, mails):
    def body(transaction):
        transaction.create(mails.document("a"), {"n": 1})
        transaction.set(mails.document("b"), {"n": 2})

    run(client, body)

    a, b = mails.stream()
    assert (a.to_dict(), b.to_dict()) == ({"n": 1}, {"n": 2})
    assert a.update_time == b.update_time


def test_a_body_that_raises_leaves_nothing(client, mails):
    def body(transaction):
        transaction.create(mails.document("a"), {"n": 1})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(client, body)

    assert list(mails.stream()) == []


def test_a_write_that_is_refused_takes_the_others_with_it_and_is_not_masked(client, mails):
    def body(transaction):
        transaction.create(mails.document("a"), {"n": 1})
        transaction.update(mails.document("missing"), {"n": 1})

    with pytest.raises(NotFound, match="missing"):
        run(client, body)

    assert list(mails.stream()) == []


def test_a_transaction_without_writes_commits(client, counter):
    assert run(client, lambda transaction: n_of(counter, transaction=transaction)) == 0
    assert run(client, lambda transaction: "nothing read") == "nothing read"


@OPTIMISTIC
def test_increments_of_many_threads_all_count_and_no_client_gives_up(client, counter):
    def work(_):
        for _ in range(TIMES):
            firestore.transactional(increment.to_wrap)(client.transaction(), counter)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))

    assert n_of(counter) == THREADS * TIMES


@OPTIMISTIC
def test_what_was_read_and_then_written_by_another_aborts_the_commit(begin, counter, client):
    transaction = begin()
    n_of(counter, transaction=transaction)
    transaction.update(counter, {"n": 100})
    racing = threading.Thread(target=lambda: counter.update({"n": 1}))
    racing.start()
    racing.join()
    with pytest.raises(Aborted):
        transaction._commit()

    assert n_of(counter) == 1
    transaction._rollback()


@OPTIMISTIC
@pytest.mark.parametrize(
    "read",
    [
        lambda mails, transaction: list(
            mails.where(filter=firestore.FieldFilter("n", ">", 5)).stream(transaction=transaction)
        ),
        lambda mails, transaction: mails.count().get(transaction=transaction),
        lambda mails, transaction: mails.document("new").get(transaction=transaction),
    ],
    ids=["query", "count", "missing"],
)
@pytest.mark.parametrize("delete", [False, True])
def test_a_new_document_that_the_reads_would_have_found_aborts(begin, mails, read, delete):
    """The commit succeeds if the document has been deleted again."""
    transaction = begin()
    read(mails, transaction)
    mails.document("new").set({"n": 6})
    if delete:
        mails.document("new").delete()
    transaction.set(mails.document("result"), {"done": True})
    if delete:
        transaction._commit()
    else:
        with pytest.raises(Aborted):
            transaction._commit()
        transaction._rollback()

    assert mails.document("result").get().exists is delete


@OPTIMISTIC
def test_a_write_beside_what_was_read_disturbs_nobody(begin, counter, mails):
    transaction = begin()
    list(mails.where(filter=firestore.FieldFilter("n", "<", 5)).stream(transaction=transaction))
    mails.document("other").set({"n": 6})
    transaction.update(counter, {"n": 1})
    transaction._commit()

    assert n_of(counter) == 1


@OPTIMISTIC
def test_two_that_read_what_the_other_writes_do_not_both_commit(begin, mails):
    a, b = mails.document("a"), mails.document("b")
    first, second = begin(), begin()
    a.get(transaction=first)
    b.get(transaction=second)
    first.set(b, {"n": 1})
    second.set(a, {"n": 1})
    first._commit()
    with pytest.raises(Aborted):
        second._commit()

    assert [d.id for d in mails.stream()] == ["b"]


@OPTIMISTIC
def test_all_reads_of_a_transaction_are_of_one_state(client, begin, mails):
    a, b = mails.document("a"), mails.document("b")
    batch = client.batch()
    batch.set(a, {"n": 1})
    batch.set(b, {"n": 1})
    batch.commit()
    transaction = begin()
    before = n_of(a, transaction=transaction)
    b.set({"n": 2})
    a.set({"n": 2})

    assert n_of(b, transaction=transaction) == before
    assert [d.get("n") for d in mails.stream(transaction=transaction)] == [1, 1]


@OPTIMISTIC
def test_a_retry_that_has_read_is_not_overtaken(begin, counter):
    """It has its turn: other writes wait until it ends."""
    first = begin()
    n_of(counter, transaction=first)
    counter.update({"n": 10})
    first.update(counter, {"n": 1})
    with pytest.raises(Aborted):
        first._commit()
    second = begin(retry_id=first.id)
    n = n_of(counter, transaction=second)
    other = threading.Thread(target=lambda: counter.update({"n": firestore.Increment(100)}))
    other.start()
    other.join(0.3)
    waited = other.is_alive()
    second.update(counter, {"n": n + 1})
    second._commit()
    other.join()

    assert waited
    assert n_of(counter) == 111


@OPTIMISTIC
def test_many_threads_that_retry_on_preconditions_lose_nothing(client, counter):
    def body(transaction):
        snapshot = counter.get(transaction=transaction)
        option = client.write_option(last_update_time=snapshot.update_time)
        transaction.update(counter, {"n": snapshot.get("n") + 1}, option=option)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: run(client, body), range(80)))

    assert n_of(counter) == 80


@pytest.mark.builtin("queries of Google's emulator see half of a batch")
def test_a_read_only_transaction_never_sees_half_a_batch(client, mails):
    a, b = mails.document("a"), mails.document("b")
    stopped = threading.Event()

    def write():
        n = 0
        while not stopped.is_set():
            batch = client.batch()
            batch.set(a, {"n": n})
            batch.set(b, {"n": n})
            batch.commit()
            n += 1

    def body(transaction):
        return {n_of(a, transaction=transaction), n_of(b, transaction=transaction)} | {
            d.get("n") for d in mails.stream(transaction=transaction)
        }

    for reference in (a, b):
        reference.set({"n": 0})
    writer = threading.Thread(target=write)
    writer.start()
    seen = [run(client, body, read_only=True) for _ in range(50)]
    stopped.set()
    writer.join()

    assert all(len(numbers) == 1 for numbers in seen)
    assert len({n for numbers in seen for n in numbers}) > 1


def test_a_read_only_transaction_sees_what_was_deleted_and_not_what_is_new(begin, mails):
    mails.document("old").set({"n": 1})
    transaction = begin(read_only=True)
    before = [d.id for d in mails.stream(transaction=transaction)]
    mails.document("old").delete()
    mails.document("new").set({"n": 1})

    assert [d.id for d in mails.stream(transaction=transaction)] == before == ["old"]
    assert mails.document("old").get(transaction=transaction).exists
    assert not mails.document("new").get(transaction=transaction).exists


def test_a_read_only_transaction_writes_nothing(api, database, begun, make_write):
    transaction = begun(read_only={})
    with pytest.raises(InvalidArgument, match="read-only"):
        api.commit(
            request={"database": database, "writes": [make_write()], "transaction": transaction}
        )

    api.commit(request={"database": database, "transaction": transaction})


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize(
    "use",
    [
        lambda api, request: api.commit(request=request),
        pytest.param(
            lambda api, request: api.rollback(request=request),
            marks=pytest.mark.builtin("Google's emulator does not refuse it, or in other words"),
        ),
        lambda api, request: list(api.batch_get_documents(request=request)),
    ],
    ids=["commit", "rollback", "read"],
)
def test_a_used_id_is_refused(api, database, begun, end, use):
    request = {"database": database, "transaction": begun()}
    getattr(api, end)(request=request)
    with pytest.raises(InvalidArgument):
        use(api, request)


def test_an_id_of_nobody_or_of_another_database_is_refused(api, database, begun):
    other = database.replace("(default)", "other")
    with pytest.raises(InvalidArgument):
        api.rollback(database=database, transaction=b"unknown")
    with pytest.raises(InvalidArgument):
        api.rollback(database=other, transaction=begun())


def test_a_read_can_begin_its_transaction(api, database, mails):
    mails.document("a").set({"n": 1})
    parent = f"{database}/documents"
    query = {"from_": [{"collection_id": "mails"}]}
    count = {"structured_query": query, "aggregations": [{"count": {}}]}
    new = {"new_transaction": {"read_write": {}}}
    answers = [
        api.batch_get_documents(
            request={"database": database, "documents": [f"{parent}/mails/a"], **new}
        ),
        api.run_query(request={"parent": parent, "structured_query": query, **new}),
        api.run_aggregation_query(
            request={"parent": parent, "structured_aggregation_query": count, **new}
        ),
    ]
    for answer in answers:
        first, *_ = answer
        assert first.transaction
        api.rollback(database=database, transaction=first.transaction)

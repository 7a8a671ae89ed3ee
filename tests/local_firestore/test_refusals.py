"""Invalid writes are refused with the status code of Firestore, and store nothing."""

import grpc
import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud import firestore
from google.cloud.firestore_v1 import GeoPoint, types
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch

MIB = 1024 * 1024
LAXER = pytest.mark.builtin("Google's emulator does not refuse it, or in other words")


def nested(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"m": value}
    return value


@pytest.mark.parametrize(
    "document_id",
    [
        *(".", "..", "__x__", "", "x" * 1501, "件" * 501),
        pytest.param("____", marks=LAXER),
    ],
)
def test_ids(client, mails, document_id):
    with pytest.raises(InvalidArgument):
        mails.document(document_id).set({"n": 1})
    with pytest.raises(InvalidArgument):
        client.collection(document_id or "__").document("a").collection("").document("b").set({})

    assert [c.id for c in client.collections()] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"__x__": 1},
        {"map": {"__x__": 1}},
        {"array": [{"__name__": 1}]},
        {"x" * 1501: 1},
        {"array": [[1]]},
        {"map": {"array": [{"inner": [[]]}]}},
        {"text": "x" * (MIB - 88)},
        {"bytes": b"x" * (MIB - 88)},
        {"place": GeoPoint(91, 0)},
        {"map": nested(21)},
        {"array": [nested(20)]},
        {f"t{n}": "x" * 1000 for n in range(1050)},
    ],
    ids=lambda fields: next(iter(fields))[:9],
)
def test_fields(mails, fields):
    with pytest.raises(InvalidArgument):
        mails.document("a").set(fields)

    assert not mails.document("a").get().exists


@pytest.mark.parametrize(
    "fields",
    [
        {"_": 1, "__": 2, "_x_": 3, "x" * 1500: 4},
        {"array": [{"array": [1]}]},
        {"text": "x" * (MIB - 200)},
        {"map": nested(20)},
        {"array": [nested(19)]},
    ],
    ids=lambda fields: next(iter(fields))[:9],
)
def test_what_is_just_within_the_limits_is_stored(mails, fields):
    mails.document("a").set(fields)

    assert mails.document("a").get().to_dict() == fields


@LAXER
def test_a_document_that_grows_over_the_limit_stays_as_it_was(mails):
    mails.document("a").set({"first": "x" * (MIB // 2)})
    with pytest.raises(InvalidArgument, match="mails/a"):
        mails.document("a").update({"second": "x" * (MIB // 2)})

    assert set(mails.document("a").get().to_dict()) == {"first"}


@pytest.mark.parametrize(
    "update",
    [
        pytest.param({"array": firestore.ArrayUnion([[1]])}, marks=LAXER),
        pytest.param({f"n{n}": firestore.Increment(1) for n in range(501)}, marks=LAXER),
        pytest.param({".".join("a" * 21): firestore.Increment(1)}, marks=LAXER),
        pytest.param({"array": firestore.ArrayUnion([nested(20)])}, marks=LAXER),
        {"__x__": 1},
        {"__x__": firestore.SERVER_TIMESTAMP},
    ],
)
def test_updates(mails, update):
    mails.document("a").set({"n": 1})
    with pytest.raises(InvalidArgument):
        mails.document("a").update(update)

    assert mails.document("a").get().to_dict() == {"n": 1}


@LAXER
def test_500_transforms_are_counted_for_a_document_over_its_writes(client, mails):
    for last, refused in ((250, False), (251, True)):
        batch = client.batch()
        batch.set(mails.document("a"), {f"a{n}": firestore.Increment(1) for n in range(250)})
        batch.update(mails.document("a"), {f"b{n}": firestore.Increment(1) for n in range(last)})
        if refused:
            with pytest.raises(InvalidArgument):
                batch.commit()
        else:
            batch.commit()

    assert set(mails.document("a").get().to_dict().values()) == {1}


def test_two_writes_to_one_document_in_a_bulk_batch(client, mails):
    batch = BulkWriteBatch(client)
    batch.set(mails.document("a"), {"n": 1})
    batch.set(mails.document("a"), {"n": 2})
    with pytest.raises(InvalidArgument):
        batch.commit()

    assert not mails.document("a").get().exists


def test_a_document_too_large_fails_alone_in_a_bulk_batch(client, mails):
    batch = BulkWriteBatch(client)
    batch.set(mails.document("large"), {f"t{n}": "x" * 1000 for n in range(1050)})
    batch.set(mails.document("small"), {"n": 1})

    assert [status.code for status in batch.commit().status] == [3, 0]
    assert [d.id for d in mails.stream()] == ["small"]


@LAXER
def test_a_request_over_10_mib(client, mails):
    batch = client.batch()
    for n in range(11):
        batch.set(mails.document(str(n)), {"text": "x" * (MIB - 500)})
    with pytest.raises(InvalidArgument):
        batch.commit()

    assert list(mails.stream()) == []


def test_an_answer_over_10_mib_is_no_problem(mails):
    for n in range(12):
        mails.document(str(n)).set({"text": "x" * (MIB - 500)})

    assert len(list(mails.stream())) == 12


@pytest.mark.parametrize(
    "parts",
    [
        {"name": "mails"},
        {"name": "mails/a/b"},
        {"name": "mails//b/c"},
        {"name": "mails/a/"},
        {"update_mask": types.DocumentMask(field_paths=["a-b"])},
        {"update_mask": types.DocumentMask(field_paths=["a..b"])},
        {"update_mask": types.DocumentMask(field_paths=["`a"])},
        pytest.param({"update_mask": types.DocumentMask(field_paths=["__name__"])}, marks=LAXER),
        {"fields": {"at": {"timestamp_value": {"seconds": 2**40}}}},
        {"fields": {"reference": {"reference_value": "mails/a"}}},
        {"fields": {"nothing": {}}},
        {"update_transforms": [{"field_path": "a"}]},
        {"update_transforms": [{"field_path": "a", "increment": {"string_value": "1"}}]},
        {"current_document": {"update_time": {"seconds": 1, "nanos": 1}}},
    ],
    ids=str,
)
def test_malformed_writes(api, client, database, make_write, parts):
    with pytest.raises(InvalidArgument):
        api.commit(database=database, writes=[make_write(**parts)])

    assert [c.id for c in client.collections()] == []


@LAXER
def test_a_write_to_another_database(api, database, make_write):
    with pytest.raises(InvalidArgument):
        api.commit(database=database + "2", writes=[make_write()])


def test_a_time_is_kept_in_microseconds(api, database, make_write):
    write = make_write({"at": {"timestamp_value": {"seconds": 1, "nanos": 1999}}})
    api.commit(database=database, writes=[write])
    [response] = api.batch_get_documents(
        request={"database": database, "documents": [write.update.name]}
    )

    at = types.Document.pb(response.found).fields["at"].timestamp_value
    assert (at.seconds, at.nanos) == (1, 1000)


def part(number, content):
    """Encode a length-delimited field of protobuf."""
    length, size = len(content), b""
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    tag = [number << 3 | 2] if number < 16 else [number << 3 & 127 | 130, number >> 4]
    return bytes(tag) + size + bytes([length]) + content


def maps(levels):
    value = b""
    for _ in range(levels):
        value = part(6, part(1, part(1, b"m") + part(2, value)))
    return value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(part(17, b"\xff\xfe"), marks=LAXER, id="utf8"),
        pytest.param(maps(60), id="nesting"),
    ],
)
def test_what_no_client_can_encode(firestore_address, client, database, value):
    document = part(1, f"{database}/documents/mails/a".encode())
    document += part(2, part(1, b"f") + part(2, value))
    commit = part(1, database.encode()) + part(2, part(1, document))
    with grpc.insecure_channel(firestore_address) as channel:
        call = channel.unary_unary("/google.firestore.v1.Firestore/Commit")
        with pytest.raises(grpc.RpcError) as raised:
            call(commit)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not client.document("mails/a").get().exists

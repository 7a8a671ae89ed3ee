"""Writes and the documents that they leave."""

from datetime import timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from google.cloud import firestore
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch


def test_a_set_replaces_the_whole_document(mails):
    mails.document("a").set({"status": "queued", "to": "a@example.jp"})
    mails.document("a").set({"status": "failed"})

    assert mails.document("a").get().to_dict() == {"status": "failed"}


def test_a_merge_keeps_what_it_does_not_name(mails):
    mails.document("a").set({"kept": 1, "map": {"kept": 2, "changed": 3}})
    mails.document("a").set({"map": {"changed": 4, "added": 5}}, merge=True)

    assert mails.document("a").get().to_dict() == {
        "kept": 1,
        "map": {"kept": 2, "changed": 4, "added": 5},
    }


def test_a_merge_creates_what_is_missing(mails):
    mails.document("a").set({"map": {"added": 1}}, merge=True)

    assert mails.document("a").get().to_dict() == {"map": {"added": 1}}


def test_an_empty_merge_creates_an_empty_document(mails):
    mails.document("a").set({}, merge=True)

    assert mails.document("a").get().to_dict() == {}


def test_an_update_of_a_map_replaces_it_and_of_a_path_in_it_does_not(mails):
    mails.document("a").set({"whole": {"old": 1}, "part": {"old": 1}})
    mails.document("a").update({"whole": {"new": 2}, "part.new": 2})

    assert mails.document("a").get().to_dict() == {
        "whole": {"new": 2},
        "part": {"old": 1, "new": 2},
    }


def test_a_path_through_something_else_than_a_map_replaces_it(mails):
    mails.document("a").set({"text": "no map"})
    mails.document("a").update({"text.inner": 1})

    assert mails.document("a").get().to_dict() == {"text": {"inner": 1}}


@pytest.mark.parametrize("key", ["a.b", "`", "\\", "`a\\.b`", " ", "件名", "1st", "a-b", "\n"])
def test_any_key_can_be_written_by_its_quoted_path(client, mails, key):
    mails.document("a").set({"map": {"other": 0}})
    mails.document("a").update({client.field_path("map", key): 1})

    assert mails.document("a").get().to_dict() == {"map": {"other": 0, key: 1}}


def test_a_deleted_field_is_gone_and_its_map_stays(mails):
    mails.document("a").set({"field": 1, "map": {"inner": 2}})
    delete = firestore.DELETE_FIELD
    mails.document("a").update({"field": delete, "map.inner": delete, "no.such": delete})

    assert mails.document("a").get().to_dict() == {"map": {}}


def test_a_deleted_document_is_gone(mails):
    mails.document("a").set({"field": 1})
    mails.document("a").delete()

    assert not mails.document("a").get().exists


def test_to_delete_what_is_not_there_is_no_error(mails):
    mails.document("a").delete()

    assert not mails.document("a").get().exists


def test_a_batch_is_applied_in_order_and_at_one_time(client, mails):
    batch = client.batch()
    batch.create(mails.document("a"), {"step": 1})
    batch.update(mails.document("a"), {"step": 2})
    batch.set(mails.document("b"), {"step": 3})
    results = batch.commit()

    a, b = mails.document("a").get(), mails.document("b").get()
    assert a.to_dict() == {"step": 2}
    assert {a.create_time, a.update_time, b.update_time, batch.commit_time} == {a.update_time}
    assert [result.update_time for result in results] == [a.update_time] * 3


def test_a_failed_write_of_a_batch_leaves_nothing_of_the_others(client, mails):
    mails.document("there").set({"step": 0})
    batch = client.batch()
    batch.update(mails.document("there"), {"step": 1})
    batch.set(mails.document("new"), {"step": 1})
    batch.update(mails.document("missing"), {"step": 1})
    with pytest.raises(NotFound):
        batch.commit()

    assert {d.id: d.to_dict() for d in mails.stream()} == {"there": {"step": 0}}


def test_each_write_of_a_bulk_batch_succeeds_or_fails_by_itself(client, mails):
    mails.document("there").set({"step": 0})
    stale = client.write_option(last_update_time=mails.document("there").get().update_time)
    mails.document("there").update({"step": 1})

    batch = BulkWriteBatch(client)
    batch.create(mails.document("new"), {"step": 2})
    batch.update(mails.document("there"), {"step": 2}, option=stale)
    batch.update(mails.document("missing"), {"step": 2})
    batch.create(mails.document("late"), {"step": 2})
    response = batch.commit()

    assert [status.code for status in response.status] == [0, 9, 5, 0]
    assert [bool(result.update_time) for result in response.write_results] == [
        True,
        False,
        False,
        True,
    ]
    assert {d.id: d.get("step") for d in mails.stream()} == {"late": 2, "new": 2, "there": 1}


def test_a_create_of_what_is_there_names_it_and_changes_nothing(mails):
    mails.document("a").set({"field": 1})
    with pytest.raises(AlreadyExists, match="mails/a"):
        mails.document("a").create({"field": 2})

    assert mails.document("a").get().to_dict() == {"field": 1}


@pytest.mark.builtin("Google's emulator words it otherwise")
def test_an_update_of_what_is_not_there_names_it_and_creates_nothing(mails):
    with pytest.raises(NotFound, match="mails/a"):
        mails.document("a").update({"field": 1})

    assert not mails.document("a").get().exists


@pytest.mark.parametrize("action", ["update", "delete"])
def test_a_stale_update_time_is_refused(client, mails, action):
    stale = mails.document("a").set({"field": 1}).update_time
    mails.document("a").set({"field": 2})
    option = client.write_option(last_update_time=stale)
    arguments = [{"field": 3}] if action == "update" else []
    with pytest.raises(FailedPrecondition):
        getattr(mails.document("a"), action)(*arguments, option=option)

    assert mails.document("a").get().to_dict() == {"field": 2}


def test_the_update_time_of_a_document_that_is_gone_is_refused(client, mails):
    gone = mails.document("a").set({"field": 1}).update_time
    mails.document("a").delete()
    with pytest.raises(FailedPrecondition):
        mails.document("a").update({"field": 2}, option=client.write_option(last_update_time=gone))

    assert not mails.document("a").get().exists


def test_the_right_update_time_is_accepted(client, mails):
    current = mails.document("a").set({"field": 1}).update_time
    option = client.write_option(last_update_time=current)
    mails.document("a").update({"field": 2}, option=option)

    assert mails.document("a").get().to_dict() == {"field": 2}


def test_a_delete_can_require_existence(client, mails):
    with pytest.raises(NotFound):
        mails.document("a").delete(option=client.write_option(exists=True))


def test_update_times_grow_strictly_in_whole_microseconds(mails):
    times = [mails.document("a").set({"n": n}).update_time for n in range(50)]

    assert times == sorted(set(times))
    assert all(time.nanosecond % 1000 == 0 for time in times)


def test_the_create_time_stays_and_starts_anew_after_a_delete(mails):
    created = mails.document("a").set({"n": 1}).update_time
    mails.document("a").set({"n": 2})
    assert mails.document("a").get().create_time == created

    mails.document("a").delete()
    mails.document("a").set({"n": 3})

    assert mails.document("a").get().create_time > created


@pytest.mark.parametrize("fields", [{"n": 1}, {"n": float("nan"), "m": {"x": 1, "y": [2]}}, {}])
def test_a_write_that_changes_nothing_leaves_the_update_time(mails, fields):
    first = mails.document("a").set(fields).update_time
    again = mails.document("a").set(fields).update_time

    assert again == first
    assert mails.document("a").get().update_time == first


def test_an_integer_that_becomes_an_equal_double_is_a_change(mails):
    first = mails.document("a").set({"n": 1}).update_time
    again = mails.document("a").set({"n": 1.0}).update_time

    assert again > first
    assert isinstance(mails.document("a").get().get("n"), float)


def test_projects_and_databases_are_apart(client, mails):
    mails.document("a").set({"field": 1})
    other = firestore.Client(project=client.project, database="other")

    assert not other.collection("mails").document("a").get().exists


def test_an_update_time_of_the_future_is_invalid(client, mails):
    written = mails.document("there").set({"n": 1}).update_time
    option = client.write_option(last_update_time=written + timedelta(hours=1))
    with pytest.raises(InvalidArgument):
        mails.document("there").delete(option=option)

    assert mails.document("there").get().exists

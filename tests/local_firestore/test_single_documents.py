"""GetDocument, CreateDocument, UpdateDocument, DeleteDocument: only generated clients use them."""

import re

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


@pytest.fixture
def name(database):
    return f"{database}/documents/mails/a"


@pytest.fixture
def create(api, database):
    """Create a document in `mails`."""

    def create_document(document_id="a", **parts):
        request = {"parent": f"{database}/documents", "collection_id": "mails"}
        document = {"fields": {"n": {"integer_value": 1}, "m": {"integer_value": 2}}}
        return api.create_document(
            request={**request, "document_id": document_id, "document": document, **parts}
        )

    return create_document


def test_a_document_is_created_once_and_answered(create, mails, name):
    created = create()
    with pytest.raises(AlreadyExists):
        create()

    assert (created.name, created.create_time) == (name, created.update_time)
    assert mails.document("a").get().to_dict() == {"n": 1, "m": 2}


def test_a_document_without_an_id_gets_a_new_one(create, mails):
    names = {create("").name for _ in range(2)}

    assert len(names) == len(list(mails.stream())) == 2
    assert all(re.fullmatch(r".*/mails/[A-Za-z0-9]{20}", name) for name in names)


def test_a_mask_leaves_out_what_is_answered_and_not_what_is_stored(api, create, mails, name):
    mask = {"field_paths": ["n"]}

    assert list(create(mask=mask).fields) == ["n"]
    assert list(api.get_document(request={"name": name, "mask": mask}).fields) == ["n"]
    assert mails.document("a").get().to_dict() == {"n": 1, "m": 2}


def test_a_missing_document_is_not_found_by_its_name(api, name):
    with pytest.raises(NotFound, match="mails/a"):
        api.get_document(request={"name": name})


def test_a_document_is_read_in_a_transaction(api, create, database, mails, name):
    create()
    begun = api.begin_transaction(request={"database": database, "options": {"read_only": {}}})
    request = {"name": name, "transaction": begun.transaction}
    before = api.get_document(request=request)
    mails.document("a").set({"n": 2})

    assert api.get_document(request=request) == before


def test_an_update_sets_the_document_or_the_fields_of_its_mask(api, create, mails, name):
    create()
    document = {"name": name, "fields": {"n": {"integer_value": 5}}}
    updated = api.update_document(
        request={"document": document, "update_mask": {"field_paths": ["n"]}}
    )
    assert sorted(updated.fields) == ["m", "n"]
    assert mails.document("a").get().to_dict() == {"n": 5, "m": 2}
    api.update_document(request={"document": document})
    assert mails.document("a").get().to_dict() == {"n": 5}


def test_updates_and_deletes_have_preconditions(api, create, mails, name):
    with pytest.raises(NotFound):
        api.update_document(request={"document": {"name": name}, "current_document": {"exists": 1}})
    with pytest.raises(NotFound):
        api.delete_document(request={"name": name, "current_document": {"exists": True}})
    created = create()
    mails.document("a").set({"n": 2})
    with pytest.raises(FailedPrecondition):
        api.delete_document(
            request={"name": name, "current_document": {"update_time": created.update_time}}
        )

    assert mails.document("a").get().to_dict() == {"n": 2}


def test_a_deleted_document_is_gone_and_deleting_it_again_is_no_error(api, create, mails, name):
    create()
    for _ in range(2):
        api.delete_document(name=name)

    assert not mails.document("a").get().exists


def test_a_name_or_id_that_is_wrong_is_refused(api, create, database):
    with pytest.raises(InvalidArgument):
        create("a/b")
    with pytest.raises(InvalidArgument):
        api.get_document(request={"name": f"{database}/documents/mails"})
    with pytest.raises(InvalidArgument):
        api.delete_document(name="mails/a")

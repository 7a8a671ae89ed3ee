"""
A field of CMC's record goes through four places: the record, the event, the document, its history.

Each test fails if one of them is forgotten.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cmc_webhook.status.document import FIELDS, fold
from cmc_webhook.status.envelope import Envelope
from cmc_webhook.status.events import RECORD_FIELDS, Description, Status, read_events
from cmc_webhook.status.history import HistoryEvent

TIME = "2025-01-25 14:03:06"
CODE = "2"


# The names of version 1, of which each is read only where the name of version 2 says nothing.
VERSION_1 = {"envelopeTo": "to", "envelopeFrom": "returnPath"}


def posted(*left_out):
    """Return a record in which every field that is read has a value of its own."""
    record = {name: f"{name}@example.jp".lower() for name in RECORD_FIELDS}
    record |= {"created": TIME, "status": CODE}
    return {name: value for name, value in record.items() if name not in left_out}


def read(record, list_name="bounces"):
    envelope = Envelope(event={list_name: [record]}, server_composition="pro")
    [event], unreadable = read_events(envelope, ZoneInfo("Asia/Tokyo"), datetime.now(UTC))
    assert unreadable == []
    return event


def texts(value):
    """Return every text in an event, apart from the record as it was posted."""
    if isinstance(value, str):
        return {str(value)}
    if isinstance(value, dict):
        return set().union(*map(texts, value.values()))
    return set()


@pytest.mark.parametrize("left_out", [VERSION_1.keys(), VERSION_1.values()])
def test_every_field_of_a_record_is_in_its_event(left_out):
    record = posted(*left_out)
    event = read(record)

    fields = event._replace(record=None)._asdict()
    assert set(record.values()) <= texts(fields)


def test_an_event_describes_the_mail_by_the_fields_of_the_description():
    assert read(posted()).description.keys() == Description.__annotations__.keys()


def test_the_history_has_every_field_of_an_event():
    event = read(posted())._replace(raw_status="odd", source="rest")

    [kept] = fold({}, [event])["events"]

    assert kept.keys() == HistoryEvent.__annotations__.keys()


@pytest.mark.parametrize("field", Description.__annotations__)
def test_a_description_outlives_the_next_event(field):
    held = fold({}, [read(posted())])
    empty = read({"messageId": "<m@x>", "to": "to@x", "created": TIME, "status": CODE})
    empty = empty._replace(description=dict.fromkeys(Description.__annotations__, ""))

    assert fold(held, [empty])[field] == held[field]


def test_the_document_has_the_fields_that_events_make():
    """A field outside of FIELDS would be made, and never written."""
    event = read(posted())
    every_status = [
        event._replace(id=status, status=status, at=datetime(2025, 1, day, tzinfo=UTC))
        for day, status in enumerate(Status, 1)
    ]

    event = event._replace(reason="550 5.2.2 full", id="greatest")
    assert fold({}, [*every_status, event]).keys() == set(FIELDS)

"""The indexes of production: the list of queries, the commands in the documents, the fields."""

from dataclasses import replace

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud import firestore
from google.cloud.firestore import FieldFilter

from cmc_webhook.deployment.steps import Wanted, table
from cmc_webhook.local_firestore.indexes import parse_definitions
from cmc_webhook.reading.indexes import all_queries
from cmc_webhook.reading.pasted import Search
from cmc_webhook.reading.statuses import INDEXED, Filters, MailStatuses
from tests.support import index_definitions
from tests.support.mails import cmc_multipart, file, sendgrid
from tests.support.records import make_post, make_record


def deployed():
    """Return each command for an index that `deploy` runs, without database and --async."""
    wanted = Wanted(project="p", region="asia-northeast1", database="cmc", inbound=True)
    return [
        " ".join(
            word
            for word in ("gcloud", *step.make)
            if not word.startswith(("--database", "--async"))
        )
        for step in table(wanted)
        if step.make[:2] == ("firestore", "indexes")
    ]


def test_the_deployment_makes_what_the_strict_server_knows():
    defined = parse_definitions(index_definitions.of_production())
    exempted = [
        f"gcloud firestore indexes fields update {path} --collection-group={collection}"
        " --disable-indexes"
        for collection, path in defined.overridden
    ]

    expected = [*exempted, *(index.how_to_create() for index in defined.created)]
    assert sorted(deployed()) == sorted(expected)


def test_every_stored_field_is_listed(function, inbound, documents):
    function.post("/", json=make_post([make_record()], [make_record(status="2", to="b@x.jp")]))
    function.post("/", json={"event_type": "x", "event": {"deliveries": [1]}})
    function.post("/", data=b"\xff", content_type="application/json")
    for make in (cmc_multipart, sendgrid):
        inbound.post("/", data=make(file(1, b"content", "a.txt")))
    inbound.post("/", json=make_post([make_record()]))
    fields = {each.collection: each.fields for each in all_queries()}
    stored = {
        name: {field for document in documents(name).values() for field in document}
        for name in fields
    }

    assert all(stored.values())
    for name in fields:
        assert stored[name] - fields[name] == set()


@pytest.mark.builtin
def test_a_field_that_nothing_queries_is_refused_as_in_production(client):
    mails = client.collection("mail_statuses")
    for field in ("first_received_at", "subject", "expires_at"):
        with pytest.raises(FailedPrecondition, match="requires an index"):
            list(mails.order_by(field).stream())


@pytest.mark.builtin
def test_an_order_that_the_list_does_not_have_is_refused(client):
    filtered = client.collection("mail_statuses").where(filter=FieldFilter("to", "==", "x"))
    newest = filtered.order_by("status_at", direction=firestore.Query.DESCENDING)

    assert list(newest.stream()) == []
    with pytest.raises(FailedPrecondition, match="requires an index"):
        list(filtered.order_by("status_at").stream())


def test_all_filters_together_are_answered(client):
    names = {"to", "domain", "message_id", "api_data", "composition", "subject"}
    every = Filters(
        statuses=("failed", "bounced"),
        causes=("rejected",),
        classes=("policy",),
        diagnoses=("content",),
        days=("2026-11-27", "2026-11-28"),
        outcomes=("failed",),
        late=True,
        receiver="au",
        **dict.fromkeys(names, "x"),
    )

    assert MailStatuses(client, "mail_statuses").counts([every]) == [0]
    assert len(INDEXED) == len(names) + 7


def test_a_beginning_is_counted_beside_what_a_campaign_asks(client):
    begins = Filters(search=Search("api_data", "x", whole=False), outcomes=("failed",))
    each = (begins, replace(begins, receiver="gmail"), replace(begins, outcomes=(), late=True))

    assert MailStatuses(client, "mail_statuses").counts(each) == [0, 0, 0]


@pytest.mark.builtin
def test_a_beginning_beside_another_filter_is_refused(client):
    begins = Filters(search=Search("api_data", "x", whole=False), composition="pro")

    with pytest.raises(FailedPrecondition, match="requires an index"):
        MailStatuses(client, "mail_statuses").counts([begins])

"""Any value in any field: every view of the page stands and says what is not readable."""

import html
import re

import pytest

from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.opened import opened
from tests.support.odd_documents import MAIL, ODD, PREFIX, odd_project
from tests.support.records import make_record


@pytest.fixture
def odd(make_visit, monkeypatch):
    """A client of the page of the odd project, and its documents by collection."""
    client, documents = odd_project()
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)
    return make_visit(**vars(opened(FirestoreOptions("", "")))), documents


VIEWS = [
    ("/mails", "mail_statuses", "status_at"),
    ("/quarantine", "mail_statuses_quarantine", "received_at"),
    ("/quarantine/received", "inbound_mails_quarantine", "received_at"),
    ("/received", "inbound_mails", "received_at"),
]


@pytest.mark.parametrize(("path", "collection", "time"), VIEWS)
def test_a_list_goes_through_all_pages_of_odd_documents(odd, path, collection, time):
    visit, documents = odd
    expected = {n for n, fields in documents[collection].items() if time in fields}

    found, texts, older = [], "", path
    while older:
        page = visit.get(older)
        assert page.status_code == 200
        texts += page.text
        found += re.findall(r'id="[mqr]-(' + PREFIX + r'[^"]+)"', page.text)
        link = re.search('href="([^"]+)" rel="next"', page.text)
        older = html.unescape(link[1]) if link else None

    assert sorted(found) == sorted(expected)
    assert f"Not readable: {time}" in texts


@pytest.mark.parametrize(("path", "collection"), [view[:2] for view in VIEWS])
def test_each_document_has_a_page(odd, path, collection):
    visit, documents = odd

    for name in documents[collection]:
        page = visit.get(f"{path}/{name}")
        assert page.status_code == 200, name
        assert (" Not readable: " in html.unescape(page.text)) <= (name != f"{PREFIX}sound")


def test_the_card_of_an_address_stands(odd):
    visit, _ = odd

    page = visit.get("/addresses/user@example.jp")

    assert page.status_code == 200
    assert "Not readable: " in page.text


@pytest.mark.parametrize("path", ["/", "/?period=7d", "/polling/mails", "/polling/received"])
def test_the_overview_and_the_live_views_stand(odd, path):
    visit, _ = odd

    assert visit.get(path).status_code == 200


def test_a_mail_says_what_is_not_readable_and_shows_it_among_all_fields(odd):
    visit, _ = odd
    number = [*MAIL].index("events")

    page = visit.get(f"/mails/{PREFIX}{number}-events-text").text

    assert "Not readable: events" in page
    assert "<dt>events</dt><dd>x</dd>" in page
    assert "Not readable" not in visit.get(f"/mails/{PREFIX}sound").text


def test_the_live_list_sees_new_mail_beside_documents_of_odd_times(client, post, visit):
    for number, kind in enumerate(("year 9999", "text", "map")):
        odd = MAIL | {"last_received_at": ODD[kind]}
        client.document("mail_statuses", f"{PREFIX}{number}").set(odd)
    before = visit.get("/polling/mails").text

    post([make_record()])

    assert visit.get("/polling/mails").text != before

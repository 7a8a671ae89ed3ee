"""The card of an address on the page."""

import html
import re

import pytest

from cmc_webhook.reading.texts import Texts
from tests.support.odd_documents import MAIL, ODD
from tests.support.records import make_record

BOUNCED = {"status": "2", "reason": "550 5.1.1 no such <b>user</b>"}


@pytest.fixture
def bounce(post):
    """Post a failed mail to user@example.jp and its bounce."""
    record = make_record(to="user@example.jp", **BOUNCED)
    post([record | {"status": "failed"}])
    post(bounces=[record])


def text(page):
    return html.unescape(page.text)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_card_keeps_customer_and_us_apart(visit, bounce, language):
    texts = Texts(language)
    page = visit.get("/addresses/user@example.jp", headers={"Accept-Language": language})

    customer = texts.sentences(["diagnosis_customer.unknown_user", "customer.urgent"])
    before, block, after = re.split("<blockquote id=.customer.>|</blockquote>", text(page))
    assert block == customer
    assert texts.text("customer.warning") in before
    assert f'data-copy="{customer}"' in after
    assert texts.text("diagnosis_todo.unknown_user") in after
    assert "550 5.1.1 no such &lt;b&gt;user&lt;/b&gt;" in page.text


def test_lists_and_mails_lead_to_the_card(visit, bounce):
    for path in ("/mails", "/mails?q=user@example.jp&by=to"):
        page = visit.get(path).text
        assert 'href="/addresses/user@example.jp"' in page
    [mail] = re.findall('href="(/mails/[0-9a-f]{4}-[^"]+)"', page)

    assert 'href="/addresses/user@example.jp"' in visit.get(mail).text
    assert mail in visit.get("/addresses/USER@example.jp").text


@pytest.mark.parametrize(
    "address", ["a/b@example.jp", "a?b@example.jp", "a+b#c@example.jp", "語@x.jp"]
)
def test_any_address_has_its_card(visit, post, address):
    post([make_record(to=address, status="succeeded")])
    [link] = set(re.findall('href="(/addresses/[^"]+)"', visit.get("/mails").text))

    page = visit.get(html.unescape(link))

    assert f"<h1>{html.escape(address)} <button" in page.text
    assert Texts("en").name("status", "succeeded") in page.text


def test_an_address_without_mail_has_advice_and_similar_addresses(visit, bounce):
    page = visit.get("/addresses/user@exmaple.jp")

    assert page.status_code == 200
    assert Texts("en").text("card.none_customer") in text(page)
    assert 'href="/addresses/user@example.jp"' in page.text


def test_a_bounce_alone_is_beside_its_sibling(visit, post):
    post([make_record(to="real@example.jp", status="succeeded")])
    post(bounces=[make_record(to="list@example.jp", **BOUNCED)])

    for address, other in (("real", "list"), ("list", "real")):
        page = text(visit.get(f"/addresses/{address}@example.jp"))
        siblings = page.partition('id="siblings"')[2].partition("</table>")[0]
        assert f"{other}@example.jp" in siblings
    assert Texts("en").text("mail.bounce_alone") in page


def test_too_long_an_address_is_none(visit):
    assert visit.get(f"/addresses/{'x' * 400}@example.jp").status_code == 404


@pytest.mark.parametrize("field", MAIL)
def test_a_card_stands_whatever_a_field_holds(visit, client, field):
    for number, value in enumerate(ODD.values()):
        document = MAIL | {"to": f"{number}@example.jp", field: value}
        client.document("mail_statuses", f"0000-{number}").set(document)

    for number in range(len(ODD)):
        for language in ("en", "ja"):
            headers = {"Accept-Language": language}
            page = visit.get(f"/addresses/{number}@example.jp", headers=headers)
            assert page.status_code == 200

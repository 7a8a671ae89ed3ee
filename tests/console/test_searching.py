"""The search box, the list and its copies in a real browser."""

import pytest

from tests.console.test_browser import follow, subjects
from tests.support.records import make_record

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Playwright's own loop


@pytest.fixture
def sent(post):
    """Post a mail that bounced at a misspelt address, and one with an own id."""
    to = "sato.taro@gmai.com"
    bounce = make_record(to=to, status="1", reason="Host <b>not</b> found", subject="Mistyped")
    post(bounces=[bounce])
    post([make_record(to="ito@example.jp", messageId="<2@x>", apiData="ORDER-7", subject="Own id")])


def search(reader, text):
    """Type *text* into the box, and wait for what it leads to."""
    reader.get_by_role("searchbox").fill(text)
    with reader.expect_navigation():
        reader.keyboard.press("Enter")


@pytest.mark.parametrize("start", ["/", "/mails", "/received", "/addresses/x@y.jp", "/quarantine"])
def test_the_box_is_on_every_page(reader, sent, start):
    reader.goto(start)
    search(reader, "ORDER")

    assert subjects(reader) == ["Own id"]
    assert reader.get_by_role("searchbox").input_value() == "ORDER"


def test_a_misspelt_address_is_two_steps_away(reader, sent):
    reader.goto("/")
    search(reader, "Sato Taro <sato.taro@gmail.com>")
    assert "There is no record of mail to this address." in reader.locator("main").inner_text()
    follow(reader, reader.locator("#near").get_by_role("link", name="sato.taro@gmai.com"))

    text = reader.locator("main").inner_text()
    assert "Host <b>not</b> found" in text
    assert "The domain may be misspelt." in text


def test_a_search_keeps_its_filters_in_the_address(reader, sent):
    reader.goto("/mails?q=ito")
    reader.get_by_label("Queued").check()
    follow(reader, reader.get_by_role("button", name="Show"))
    assert subjects(reader) == ["Own id"]
    assert "q=ito&by=to_begins&status=queued" in reader.url
    reader.reload()
    assert subjects(reader) == ["Own id"]
    reader.get_by_label("Queued").uncheck()
    reader.get_by_label("Bounce class").select_option("soft")
    follow(reader, reader.get_by_role("button", name="Show"))
    assert subjects(reader) == []
    follow(reader, reader.get_by_role("link", name="Clear filters"))
    assert subjects(reader) == ["Own id"]


def test_address_and_message_id_are_copied(reader, sent):
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reader.goto("/mails?q=ORDER-7")
    for label, expected in (("address", "ito@example.jp"), ("message ID", "<2@x>")):
        button = reader.get_by_role("button", name=f"Copy the {label}")
        button.click()
        reader.get_by_role("button", name="Copied").first.wait_for()
        assert reader.evaluate("navigator.clipboard.readText()") == expected


def test_without_a_script_there_are_no_buttons_that_do_nothing(browser, page_url, sent):
    context = browser.new_context(java_script_enabled=False, base_url=page_url, locale="en-US")
    tab = context.new_page()
    tab.goto("/mails?q=ORDER-7")

    assert tab.locator("td.subject bdi").all_text_contents() == ["Own id"]
    assert tab.locator("[data-copy]").count() == 2
    assert not tab.locator("[data-copy]").first.is_visible()
    context.close()


def test_the_list_is_downloaded(reader, sent):
    reader.goto("/mails?q=ORDER-7")
    with reader.expect_download() as started:
        reader.get_by_role("link", name="Download as CSV").click()
    content = started.value.path().read_text(encoding="utf-8-sig")

    assert started.value.suggested_filename.endswith("_JST.csv")
    assert content.count("ito@example.jp") == 1
    assert "sato.taro" not in content

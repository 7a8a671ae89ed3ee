"""
Every page passes axe-core, in both languages and both themes.

AXE is the path of axe.min.js: npm install --prefix FOLDER axe-core, as .ci/run does.
"""

import os
from pathlib import Path

import pytest

from tests.support.mails import cmc_json, cmc_multipart, file
from tests.support.records import make_record

AXE = os.environ.get("AXE", "")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Playwright's own loop
    pytest.mark.skipif(not AXE, reason="AXE names no axe.min.js; .ci/run installs it"),
]

FOUND = """async () => (await axe.run()).violations.map(
    each => [each.id, each.nodes.map(node => node.html.slice(0, 200))])"""


@pytest.fixture
def paths(post, inbound, documents, bucket):
    """The URL of every kind of page, with mails of each fate and entries of several reasons."""
    post(
        [
            make_record(
                messageId=f"<{status}@example.com>", status=status, subject=f"“{status}” <b>"
            )
            for status in ("queued", "deferred", "succeeded", "failed", "new")
        ]
    )
    post(
        bounces=[
            make_record(messageId=f"<{code}@example.com>", status=code, reason="550 no", to=to)
            for code, to in (("2", "a@docomo.ne.jp"), ("6", "b@example.jp"), ("10", "c@example.jp"))
        ]
    )
    post([make_record(messageId=""), make_record(created="x"), make_record(subject=["語"])])
    inbound.post("/", data=cmc_json(html="<p>日本語</p>"))
    inbound.post("/", data=cmc_multipart(file(1, b"x", "語.pdf")))
    inbound.post("/", data=b"no mail")
    return {
        *("/", "/?period=7d", "/mails", "/mails?status=bounced&period=own", "/mails?q=nobody@x.jp"),
        *("/mails?q=user@example.jp", "/mails?q=%E8%AA%9E"),
        *("/addresses/a@docomo.ne.jp", "/addresses/nobody@example.jp", "/mails/gone", "/nothing"),
        *(
            "/statistics",
            "/statistics?day=2025-01-25",
            "/statistics?day=2025-01-25&receiver=docomo",
        ),
        *("/statistics?q=docomo.ne.jp&by=to_domain&last=30", "/statistics?day=nonsense"),
        *("/mails?day=2025-01-25&outcome=failed&late=1", "/statistics?q=no&by=api_data_begins"),
        *("/stops", "/stops?cause=hard", "/stops?domain=x.jp&period=own", "/stops?cause=nonsense"),
        *("/quarantine", "/quarantine?why=missing_message_id", "/quarantine/gone"),
        *("/quarantine/received", "/received", "/received?sender=no@x.jp&period=own"),
        *("/received/gone", "/mails?period=nonsense"),
        *(f"/mails/{name}" for name in documents()),
        *(f"/received/{name}" for name in documents("inbound_mails")),
        *(f"/quarantine/{name}" for name in documents("mail_statuses_quarantine")),
        *(f"/quarantine/received/{name}" for name in documents("inbound_mails_quarantine")),
    }


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.slow)])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-US", "ja-JP"])
def test_axe_finds_nothing(browser, page_url, paths, language, theme, width):
    context = browser.new_context(
        locale=language, color_scheme=theme, base_url=page_url,
        viewport={"width": width, "height": 800}, bypass_csp=True,
    )  # fmt: skip
    context.add_init_script(Path(AXE).read_text())
    tab = context.new_page()
    found = {}
    for path in sorted(paths):
        tab.goto(path)
        tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        found[path] = tab.evaluate(FOUND)
        found[path] += (
            [["too wide"]] if tab.evaluate("document.documentElement.scrollWidth") > width else []
        )
    context.close()

    assert {path: what for path, what in found.items() if what} == {}


def test_the_result_of_processing_again_passes(browser, page_url, paths):
    context = browser.new_context(locale="ja-JP", base_url=page_url, bypass_csp=True)
    context.add_init_script(Path(AXE).read_text())
    tab = context.new_page()
    tab.goto("/quarantine")
    tab.get_by_role("button", name="すべて再処理").click()
    tab.locator("#results summary").click()
    found = tab.evaluate(FOUND)
    context.close()

    assert found == []

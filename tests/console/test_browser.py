"""The page in a real browser, on the real function and Firestore."""

import contextlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cmc_webhook.console import received
from tests.console.conftest import CHROMIUM, OPTIONS
from tests.support.mails import cmc_json, cmc_multipart, file
from tests.support.records import make_record

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Playwright's own loop

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"


def mail(number, **changes):
    return make_record(
        messageId=f"<{number}@example.com>",
        subject=f"Mail {number}",
        created=f"2025-01-25 14:{number // 60:02}:{number % 60:02}",
        **changes,
    )


def follow(reader, found):
    """Click, and wait for the next page."""
    with reader.expect_navigation():
        found.click()


def subjects(reader):
    return reader.locator("td.subject bdi").all_text_contents()


def test_a_new_event_appears_without_a_reload(reader, post):
    post([mail(1)])
    reader.goto("/mails")
    assert subjects(reader) == ["Mail 1"]
    reader.evaluate("window.same = true")
    reader.wait_for_timeout(500)

    post([mail(2)])

    reader.get_by_text("Mail 2").wait_for()
    assert reader.locator(".updating").inner_text() == "Updates automatically."
    assert subjects(reader) == ["Mail 2", "Mail 1"]
    assert reader.locator("tr.new").count() == 1
    assert reader.evaluate("window.same") is True


@pytest.mark.slow
def test_a_chart_that_is_being_read_stays(reader, post):
    now = reader.evaluate(
        "new Date(Date.now() + 9 * 36e5 - 6e4).toISOString().slice(0, 19).replace('T', ' ')"
    )
    post([mail(1) | {"created": now}])
    reader.goto("/")
    reader.locator(".chart rect").first.hover()
    held = reader.locator("#chart").inner_html()

    post([mail(2) | {"created": now}])

    reader.locator("#counts strong", has_text=re.compile("^2$")).first.wait_for()
    assert reader.locator("#chart").inner_html() == held
    reader.mouse.move(0, 0)
    reader.get_by_label(re.compile("Queued: 2")).wait_for()


@pytest.mark.slow
def test_a_list_is_filtered_and_the_address_says_so(reader, post):
    post([mail(1), mail(2, status="failed", reason="550 no"), mail(3, status="deferred")])
    reader.goto("/mails")
    reader.get_by_role("checkbox", name="Failed").check()
    reader.get_by_role("checkbox", name="Deferred").check()
    follow(reader, reader.get_by_role("button", name="Show"))

    assert subjects(reader) == ["Mail 3", "Mail 2"]
    assert "status=deferred&status=failed" in reader.url
    reader.reload()
    assert subjects(reader) == ["Mail 3", "Mail 2"]


@pytest.mark.slow
def test_the_pages_of_a_list_lead_on_and_back(reader, post):
    post([mail(number) for number in range(60)])
    post([mail(number) for number in range(60, 120)])
    reader.goto("/mails?q=user@example.jp&by=to")
    first = subjects(reader)

    follow(reader, reader.get_by_text("Older →"))
    second = subjects(reader)
    follow(reader, reader.get_by_text("Older →"))
    third = subjects(reader)
    follow(reader, reader.get_by_text("← Newer"))

    assert first + second + third == [f"Mail {number}" for number in reversed(range(120))]
    assert subjects(reader) == second
    follow(reader, reader.get_by_text("← Newer"))
    assert subjects(reader) == first


@pytest.mark.slow
def test_a_mail_says_what_to_do(reader, post):
    post([mail(1, status="failed", reason="550 5.1.1 unknown")])
    post(bounces=[mail(1, status="2", reason="550 5.1.1 unknown") | {"to": "user@example.jp"}])
    reader.goto("/mails")
    follow(reader, reader.get_by_role("link", name="Mail 1"))

    assert reader.locator(".timeline .badge").all_text_contents() == ["Failed", "Bounced"]
    assert "Ask the recipient to confirm the address." in reader.locator("#mail").inner_text()
    assert reader.locator("#path").inner_text().startswith("mail_statuses/")


@pytest.mark.slow
def test_the_language_is_switched_and_remembered(reader, post):
    post(bounces=[mail(1, status="2")])
    reader.goto("/mails?status=bounced")
    follow(reader, reader.get_by_role("link", name="日本語"))

    assert reader.locator("html").get_attribute("lang") == "ja"
    assert "status=bounced" in reader.url
    assert reader.locator("td .badge").inner_text() == "不達"
    reader.goto("/")
    assert reader.locator("h1").inner_text() == "ダッシュボード"


@pytest.mark.slow
def test_a_quarantined_record_is_posted_again_and_then_deleted(reader, post, documents, client):
    post([mail(1) | {"messageId": ""}])
    [entry] = client.collection("mail_statuses_quarantine").stream()
    corrected = entry.to_dict()["content"].replace(
        '"messageId": ""', '"messageId": "<1@example.com>"'
    )
    entry.reference.update({"content": corrected})
    reader.goto("/quarantine")
    follow(reader, reader.locator(".list a"))
    follow(reader, reader.get_by_role("button", name="Process again"))

    assert (
        "Processed 1 again. Stored: 1, unchanged: 0, back in quarantine: 0."
        in reader.get_by_role("status").inner_text()
    )
    reader.get_by_text("Result of each entry (1)").click()
    assert reader.locator("#results td").last.inner_text() == "stored: 1"
    assert [d["message_id"] for d in documents().values()] == ["<1@example.com>"]
    follow(reader, reader.locator("#entries .list a"))
    reader.get_by_text("Delete …").click()
    reader.get_by_role("button", name="Delete").click()  # refused by the browser: not ticked
    reader.get_by_label("Delete this data permanently").check()
    reader.get_by_role("button", name="Delete").click()
    reader.get_by_text("Nothing in quarantine.").wait_for()
    assert documents("mail_statuses_quarantine") == {}


def test_untrusted_text_is_escaped(reader, post):
    hostile = mail(1, status="failed", reason=HOSTILE) | {"subject": HOSTILE, "apiData": HOSTILE}
    post([hostile])
    post([hostile | {"messageId": ""}])
    reader.goto("/mails")
    assert subjects(reader) == [HOSTILE]
    follow(reader, reader.locator("td.subject a"))

    assert reader.locator("h1").inner_text() == HOSTILE
    assert reader.locator(".timeline .reason").inner_text() == HOSTILE
    reader.goto("/quarantine")
    follow(reader, reader.locator(".list a"))
    assert HOSTILE in reader.locator("pre").inner_text()
    assert reader.title() != "owned"
    assert reader.locator("main img, main script").count() == 0


@pytest.mark.slow
def test_an_open_mail_is_updated(reader, post):
    post([mail(1)])
    reader.goto("/mails")
    follow(reader, reader.get_by_role("link", name="Mail 1"))
    reader.evaluate("window.same = true")
    reader.wait_for_timeout(500)

    post([mail(1, status="succeeded")])

    reader.locator(".timeline .badge", has_text="Succeeded").wait_for()
    assert reader.locator(".verdict .badge").inner_text() == "Succeeded"
    assert reader.evaluate("window.same") is True


@pytest.mark.slow
def test_an_open_mail_that_expires_says_so_and_leads_back(browser, page_url, post, client):
    post([mail(1), mail(2)])
    context = browser.new_context(locale="ja-JP", base_url=page_url)
    reader = context.new_page()
    reader.goto("/mails")
    follow(reader, reader.get_by_role("link", name="Mail 1"))
    reader.get_by_text("自動的に更新しています。").wait_for()

    for document in client.collection("mail_statuses").stream():
        if document.get("subject") == "Mail 1":
            document.reference.delete()

    reader.get_by_text("このメールの記録はありません。").wait_for()
    follow(reader, reader.get_by_role("link", name="「メール一覧」に戻る"))
    assert subjects(reader) == ["Mail 2"]
    context.close()


@pytest.mark.slow
def test_quarantine_and_received_mail_appear_without_a_reload(reader, post, inbound):
    reader.goto("/quarantine")
    reader.wait_for_timeout(500)
    post([mail(1) | {"messageId": ""}])
    reader.locator("#entries .list a", has_text="no usable message ID").wait_for()
    reader.locator("nav .waiting", has_text="1").wait_for()
    reader.goto("/received")
    reader.wait_for_timeout(500)
    inbound.post("/", data=cmc_json())
    reader.get_by_role("link", name="テスト").wait_for()


@pytest.mark.slow
def test_an_attachment_with_a_japanese_name_is_saved(inbound, reader):
    content = bytes(range(256)) * 8_000
    inbound.post("/", data=cmc_multipart(file(1, content, "請求書 2025年.pdf", "text/html")))
    reader.goto("/received")
    follow(reader, reader.get_by_role("link", name="テスト"))
    with reader.expect_download() as saved:
        reader.get_by_role("link", name="請求書 2025年.pdf").click()

    assert saved.value.suggested_filename == "請求書 2025年.pdf"
    assert saved.value.path().read_bytes() == content


@pytest.fixture
def elsewhere():
    """Another server, and the paths that were requested from it."""
    asked = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_the_html_of_a_received_mail_can_do_nothing(inbound, browser, page_url, elsewhere):
    there, asked = elsewhere
    hostile = f"""<h1>お知らせ</h1>{HOSTILE}<script>top.document.title = "owned"</script>
        <link rel="stylesheet" href="{there}/css"><link rel="prefetch" href="{there}/prefetch">
        <style>body {{ background: url({there}/background) }}</style><img src="{there}/img">
        <iframe src="{there}/frame"></iframe><object data="{there}/object"></object>
        <meta http-equiv="refresh" content="0;url={there}/refresh"><base href="{there}/">
        <form action="{there}/form" method="post"><button>Send</button></form>
        <a href="{there}/link">Link</a> <a href="{there}/new" target="_blank">New</a>"""
    inbound.post("/", data=cmc_json(html=hostile))
    context = browser.new_context(base_url=page_url, locale="en-US")
    reader = context.new_page()
    reader.goto("/received")
    follow(reader, reader.get_by_role("link", name="テスト"))
    frame = reader.frame_locator("iframe")

    assert frame.locator("h1").inner_text() == "お知らせ"
    assert frame.locator("a, form, iframe, object, meta, base, link, script").count() == 0
    reader.wait_for_timeout(500)
    assert asked == []
    assert len(context.pages) == 1
    assert reader.title().startswith("テスト")
    context.close()


# Every way known to load something, each with an address of its own in place of URL.
WAYS = [
    *('<iframe src="URL"></iframe>', '<iframe srcdoc="<img src=URL>"></iframe>'),
    *('<frameset><frame src="URL"></frameset>', '<object data="URL"></object>'),
    *('<embed src="URL">', '<applet code="URL"></applet>', '<img src="URL">'),
    *('<img srcset="URL 2x">', '<picture><source srcset="URL"><img></picture>'),
    *('<video src="URL" autoplay></video>', '<video poster="URL"></video>'),
    *('<audio src="URL" autoplay></audio>', '<video><track src="URL" default></video>'),
    *('<input type="image" src="URL">', '<body background="URL">', '<table background="URL">'),
    *('<link rel="stylesheet" href="URL">', '<link rel="icon" href="URL">'),
    *('<link rel="preload" as="image" href="URL">', '<link rel="prefetch" href="URL">'),
    *('<link rel="dns-prefetch" href="URL">', '<link rel="preconnect" href="URL">'),
    *('<link rel="prerender" href="URL">', '<link rel="modulepreload" href="URL">'),
    *('<link rel="manifest" href="URL">', '<style>@import "URL";</style>'),
    *("<style>p{background:url(URL)}</style><p>x", '<p style="background:url(URL)">x'),
    *('<p style="list-style:url(URL);display:list-item">x', '<p style="cursor:url(URL),auto">x'),
    *("<style>@font-face{font-family:f;src:url(URL)} p{font-family:f}</style><p>x",),
    *('<p style="content:url(URL);mask:url(URL);border-image:url(URL)">x',),
    *('<p style="filter:url(URL#f);shape-outside:url(URL)">x',),
    *('<meta http-equiv="refresh" content="0;url=URL">', '<base href="URL"><img src="x">'),
    *('<svg><image href="URL"/><use href="URL#a"/></svg>', '<script src="URL"></script>'),
    *('<svg><style>@import "URL"</style></svg>', '<script>fetch("URL")</script>'),
    *('<math><mtext><img src="URL"></mtext></math>', '<img src=x onerror="fetch(`URL`)">'),
    *('<a href="URL" ping="URL">x</a>', '<form action="URL"><input autofocus></form>'),
    *('<img src="//HOST/x">', "<img src='data:text/html,x' lowsrc='URL'>"),
    *('<portal src="URL"></portal>', '<fencedframe src="URL"></fencedframe>'),
    *('<script type="speculationrules">{"prefetch":[{"urls":["URL"]}]}</script>',),
]


def look_at(ways, inbound, page_url, client, tmp_path, browser):
    """Show a mail of *ways* in a browser; return the connections and the names looked up."""
    connections: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def count():
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()
                connections.append(1)

    threading.Thread(target=count, daemon=True).start()
    port = listener.getsockname()[1]
    hosts = (f"127.0.0.1:{port}", "way{}.told.example")
    content = "".join(
        way.replace("URL", f"http://{host}/{n}").replace("HOST", host).replace("{}", str(n))
        for n, way in enumerate(ways)
        for host in hosts
    )
    inbound.post("/", data=cmc_json(html=f"<h1>shown</h1>{content}"))
    [mail] = client.collection("inbound_mails").list_documents()
    log = tmp_path / "net.json"
    logging = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*OPTIONS, f"--log-net-log={log}"]
    )
    tab = logging.new_page(base_url=page_url)
    tab.goto(f"/received/{mail.id}")
    tab.wait_for_timeout(2_000)
    logging.close()
    listener.close()
    return len(connections), set(re.findall(r"way\d+\.told\.example", log.read_text()))


def test_reading_a_mail_is_not_told_to_its_sender(inbound, page_url, client, tmp_path, browser):
    assert look_at(WAYS, inbound, page_url, client, tmp_path, browser) == (0, set())


def test_without_sanitising_the_sender_would_be_told(
    inbound, page_url, client, tmp_path, browser, monkeypatch
):
    monkeypatch.setattr(received, "_sanitised", str)
    connections, names = look_at(WAYS[:1], inbound, page_url, client, tmp_path, browser)

    assert connections > 0
    assert names


@pytest.mark.slow
def test_everything_but_updates_works_without_javascript(browser, page_url, post):
    post([mail(number) for number in range(60)])
    context = browser.new_context(java_script_enabled=False, base_url=page_url, locale="ja-JP")
    reader = context.new_page()
    reader.goto("/mails")
    assert not reader.locator(".updating").is_visible()
    follow(reader, reader.get_by_text("次へ →"))
    assert len(subjects(reader)) == 10
    follow(reader, reader.get_by_role("link", name="Mail 0", exact=True))
    assert reader.locator(".timeline li").count() == 1
    assert not reader.locator(".updating").is_visible()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize(
    "path", ["/", "/mails", "/quarantine", "/received", "/quarantine/received"]
)
def test_nothing_is_wider_than_the_screen(browser, page_url, post, inbound, width, path):
    long = {"subject": "x" * 300, "to": "a" * 200 + "@example.jp"}
    post([mail(1, reason="y" * 500) | long, mail(2) | long | {"messageId": ""}])
    inbound.post("/", data=cmc_json(subject="x" * 300, text="y" * 500))
    inbound.post("/", data=b"no mail")
    context = browser.new_context(viewport={"width": width, "height": 700}, base_url=page_url)
    reader = context.new_page()
    reader.goto(path)

    assert reader.evaluate("document.documentElement.scrollWidth") <= width
    if path != "/":
        follow(reader, reader.locator(".list a").first)
        assert reader.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.slow
def test_the_keyboard_suffices(reader, post):
    post([mail(1), mail(2, status="failed")])
    reader.goto("/mails")
    reader.keyboard.press("Tab")
    assert reader.locator(":focus").inner_text() == "Skip to the content"
    reader.keyboard.press("Enter")
    for key in ("Tab", "Tab", "Tab", "Tab", "Space"):  # to the fourth status
        reader.keyboard.press(key)
    with reader.expect_navigation():
        reader.keyboard.press("Enter")
    assert subjects(reader) == ["Mail 2"]
    reader.locator("td.subject a").focus()
    with reader.expect_navigation():
        reader.keyboard.press("Enter")

    assert reader.locator("h1").inner_text() == "Mail 2"


@pytest.mark.slow
def test_a_page_that_gets_no_answer_says_so_and_keeps_trying(browser, page_url, post):
    context = browser.new_context(locale="en-US", base_url=page_url)
    reader = context.new_page()
    reader.goto("/mails")
    reader.get_by_text("Updates automatically.").wait_for()
    reader.route("**/polling/**", lambda route: route.abort())
    reader.get_by_text("trying again").wait_for()
    post([mail(1)])
    reader.unroute("**/polling/**")

    reader.get_by_text("Mail 1").wait_for()
    assert reader.locator(".updating").inner_text() == "Updates automatically."
    context.close()

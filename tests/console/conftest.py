"""The real page on the test's own project, over HTTP and in a real browser."""

import html
import re
import shutil
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from cmc_webhook.console.app import create_app
from cmc_webhook.console.site import Site
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.objects import objects
from cmc_webhook.reading.opened import opened
from cmc_webhook.simulator.posting import Credential
from tests.support.processes import free_port

CHROMIUM = shutil.which("chromium")
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]


@pytest.fixture
def function_url(function, serve_app) -> str:
    """The URL of the function, without authentication."""
    return serve_app(function.application)


@pytest.fixture
def make_site(client, firestore_address, monkeypatch) -> Callable[..., Site]:
    """Make the settings of a page on the test's own project."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_address)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)

    def make(**changes) -> Site:
        settings = {
            **vars(opened(FirestoreOptions("", ""))),
            "objects": objects(client.project, local=True),
            "emulator": firestore_address,
            "url": "http://127.0.0.1:1",
            "credential": Credential(),
            "may_change": True,
            "port": free_port(),
        }
        return Site(**settings | changes)

    return make


@pytest.fixture
def make_visit(make_site) -> Callable[..., FlaskClient]:
    """Make a client that uses the host name of the page."""

    def make(**changes) -> FlaskClient:
        site = make_site(**changes)
        app = create_app(site)

        class Visitor(FlaskClient):
            def open(self, *arguments, **options):
                address = f"http://127.0.0.1:{site.port}"
                # Buffered, so that a streamed file is closed.
                deerrors = {"base_url": address, "buffered": True}
                return super().open(*arguments, **deerrors | options)

        app.test_client_class = Visitor
        return app.test_client()

    return make


@pytest.fixture
def visit(make_visit) -> FlaskClient:
    """A client of the page, started as by the devserver."""
    return make_visit()


@pytest.fixture
def walk(visit) -> Callable[[str, str], list[list[str]]]:
    """Go through all pages of a list and back; return the matches of *pattern* on each."""

    def go(address: str, pattern: str) -> list[list[str]]:
        def shown(page):
            return [html.unescape(found) for found in re.findall(pattern, page)]

        def link(page, which):
            found = re.search(f'href="([^"]+)" rel="{which}"', page)
            return html.unescape(found[1]) if found else None

        texts = [visit.get(address).text]
        while older := link(texts[-1], "next"):
            texts.append(visit.get(older).text)
        back = [texts[-1]]
        while newer := link(back[-1], "prev"):
            back.append(visit.get(newer).text)
        assert [shown(page) for page in reversed(back)] == [shown(page) for page in texts]
        return [shown(page) for page in texts]

    return go


@pytest.fixture
def token(visit) -> Callable[[str], str]:
    """Read the token of a form of the page."""
    return lambda path: re.search('name="token" value="([^"]+)"', visit.get(path).text)[1]


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, without a window."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here: apt-get install chromium.")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def page_url(make_site, function_url, serve_app) -> str:
    """The URL of a page that posts to the function."""
    site = make_site(url=function_url)
    return serve_app(create_app(site), site.port)


@pytest.fixture
def reader(browser, page_url):
    """A browser tab in English at the URL of the page; an error in the page fails the test."""
    context = browser.new_context(locale="en-US", base_url=page_url)
    context.set_default_timeout(15_000)
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield tab
    context.close()
    assert errors == []

"""Behind Identity-Aware Proxy: only what is signed for this page is answered, all else refused."""

import base64
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pathspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import jwt
from google.auth.crypt import RSASigner
from google.auth.crypt.es import EsSigner

from cmc_webhook.command_line.main import console
from cmc_webhook.console import iap
from cmc_webhook.console.app import create_app
from tests.support.processes import ROOT, free_port
from tests.support.records import make_record

AUDIENCE = "/projects/123/locations/asia-northeast1/services/cmc-page"
HOST = "cmc-page-123.asia-northeast1.run.app"
NOW = int(time.time())
CLAIMS = {
    "iss": "https://cloud.google.com/iap",
    "aud": AUDIENCE,
    "sub": "accounts.google.com:1",
    "email": "desk@example.com",
    "iat": NOW - 60,
    "exp": NOW + 36_000,
}
CONSOLE = ROOT / "cmc_webhook" / "console"


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def public(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def sign(key=KEY, key_id="one", **changes):
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    signer = RSASigner.from_string(pem(key)) if key is RSA else EsSigner.from_string(pem(key))
    return jwt.encode(signer, claims, key_id=key_id).decode()


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def by_hand(header, signature=b""):
    """Return a token with this header, signed with the public key as a shared secret."""
    text = f"{part(header)}.{part(CLAIMS)}"
    if header.get("alg") == "HS256":
        code = hmac.HMAC(public(KEY).encode(), hashes.SHA256())
        code.update(text.encode())
        signature = code.finalize()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


class KeyServer:
    """Serves *content* as Google's URL of the public keys does, and counts the requests."""

    def __init__(self):
        self.content = {"one": public(KEY), "rsa": public(RSA)}
        self.status = 200
        self.requests = 0
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                served.requests += 1
                body = json.dumps(served.content).encode()
                self.send_response(served.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/public_key"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def key_server():
    served = KeyServer()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def open_page(make_site, key_server):
    """Return a function that asks the page for a path with a token; others are changes of it."""

    def make(**changes):
        settings = {"iap_audience": AUDIENCE, "host_names": [HOST], "may_change": False}
        client = create_app(make_site(**settings | changes), key_server.url).test_client()

        def ask(token, path="/mails", host=HOST, **options):
            headers = {"Host": host} | ({"X-Goog-IAP-JWT-Assertion": token} if token else {})
            options["headers"] = headers | options.get("headers", {})
            return client.open(path, **options)

        return ask

    return make


REFUSED = {
    "expired": {"exp": NOW - 3_600},
    "of the future": {"iat": NOW + 3_600},
    "without an end": {"exp": None},
    "without a beginning": {"iat": None},
    "for another page": {"aud": "/projects/123/global/backendServices/9"},
    "for nobody": {"aud": None},
    "for several": {"aud": [AUDIENCE]},
    "of another issuer": {"iss": "https://accounts.google.com"},
    "without an issuer": {"iss": None},
    "signed by another key": {"key": OTHER},
    "of an unknown key": {"key": OTHER, "key_id": "two"},
    "with an odd time": {"exp": "soon"},
    "signed with RSA": {"key": RSA, "key_id": "rsa"},
}
TOKENS = {
    **{name: sign(**changes) for name, changes in REFUSED.items()},
    "no algorithm": by_hand({"alg": "none", "kid": "one"}),
    "a shared secret": by_hand({"alg": "HS256", "kid": "one"}),
    "no signature": by_hand({"alg": "ES256", "kid": "one"}),
    "an odd key id": by_hand({"alg": "ES256", "kid": ["one"]}, b"x" * 64),
    "no key id": by_hand({"alg": "ES256"}, b"x" * 64),
    "changed claims": ".".join(
        [sign().split(".")[0], part(CLAIMS | {"sub": "2"}), sign().split(".")[2]]
    ),
    "an email": "desk@example.com",
    "dots": "..",
    "no base64": "語.語.語".encode().decode("latin-1"),
    "deep JSON": f"{base64.urlsafe_b64encode(b'[' * 5_000).decode()}.e30.e30",
    "too long": f"{sign()}{'A' * 9_000}",
}


@pytest.mark.parametrize("name", TOKENS)
def test_what_is_not_signed_for_this_page_is_refused(open_page, name):
    answer = open_page()(TOKENS[name])

    assert answer.status_code == 403
    assert answer.text.startswith("The signature of Identity-Aware Proxy is not valid")


def test_what_is_signed_for_this_page_is_answered(open_page, post):
    post([make_record(subject="For the desk")])
    answer = open_page()(sign())

    assert answer.status_code == 200
    assert "For the desk" in answer.text
    assert '<form method="post"' not in answer.text


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/nothing", "/polling/mails"])
@pytest.mark.parametrize("token", ["", "x.y.z"])
def test_a_stranger_learns_nothing_and_reads_nothing(open_page, path, token):
    # With a Firestore that does not answer, every page would say so.
    answer = open_page(emulator=f"127.0.0.1:{free_port()}")(token, path, host="other.example")

    assert answer.status_code == (403 if token else 401)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.count("\n") == 1
    assert "test-" not in answer.text  # the project
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_refusal_is_in_the_readers_language(open_page):
    answer = open_page()("", headers={"Accept-Language": "ja"})

    assert "この画面は、Identity-Aware Proxyを通したアクセスだけに応答します。" in answer.text


def test_another_host_is_refused(open_page):
    assert open_page()(sign(), host="127.0.0.1:8082").status_code == 421


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Playwright's own loop
def test_behind_the_proxy_a_browser_sees_a_page_that_lives(
    browser, make_site, serve_app, key_server, post
):
    port = free_port()
    site = make_site(iap_audience=AUDIENCE, host_names=[f"127.0.0.1:{port}"], may_change=False)
    url = serve_app(create_app(site, key_server.url), port)
    context = browser.new_context(
        locale="en-US", base_url=url, extra_http_headers={"X-Goog-IAP-JWT-Assertion": sign()}
    )
    reader = context.new_page()
    reader.goto("/mails")
    reader.get_by_text("Updates automatically.").wait_for()
    post([make_record(subject="For the desk")])
    reader.get_by_text("For the desk").wait_for()
    context.set_extra_http_headers({})
    reader.goto("/mails")

    assert reader.inner_text("body").startswith("This page answers only requests that come")
    assert key_server.requests == 1
    context.close()


@pytest.mark.parametrize("path", ["/quarantine/replay", "/quarantine/x/delete"])
def test_nothing_is_changed(open_page, path):
    answer = open_page()(sign(), path, method="POST", data={"sure": "on"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("status", "content"), [(500, {}), (404, {}), (200, {}), (200, ["keys"]), (200, None)]
)
def test_without_keys_nobody_is_let_in(open_page, key_server, status, content):
    key_server.status, key_server.content = status, content
    page = open_page()

    for _ in range(3):
        assert page(sign()).status_code == 503
    assert key_server.requests == 1  # no further attempt at once


def test_a_server_of_keys_that_is_not_there_refuses(make_site):
    keys_url = f"http://127.0.0.1:{free_port()}/public_key"
    site = make_site(iap_audience=AUDIENCE, host_names=[HOST])
    headers = {"Host": HOST, "X-Goog-IAP-JWT-Assertion": sign()}

    assert create_app(site, keys_url).test_client().get("/", headers=headers).status_code == 503


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_keys_are_kept_for_an_hour_and_then_fetched_again(key_server):
    clock = Clock()
    keys = iap.PublicKeys(key_server.url, clock)
    for clock.now in (0.0, 1.0, 3_599.0):
        assert keys.named("one") == public(KEY)
    assert key_server.requests == 1
    clock.now = 3_600.0
    key_server.status = 500
    with pytest.raises(iap.KeysAwayError):
        keys.named("one")
    key_server.status = 200
    clock.now = 3_620.0
    assert keys.named("one") == public(KEY)
    assert key_server.requests == 3


def test_a_new_key_is_found_and_unknown_ones_cause_few_requests(key_server):
    clock = Clock()
    keys = iap.PublicKeys(key_server.url, clock)
    assert [keys.named(str(number)) for number in range(9)] == [None] * 9
    assert key_server.requests == 1
    key_server.content = {"two": public(OTHER)}
    clock.now = 20.0

    assert keys.named("two") == public(OTHER)
    assert key_server.requests == 2
    assert keys.named("one") is None


OPTIONS = ["--project", "p", "--iap-audience", AUDIENCE, "--host-name", HOST]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (OPTIONS[:4], "need each other"),
        (OPTIONS[2:], "need each other"),
        ([*OPTIONS[:2], *OPTIONS[4:]], "need each other"),
        ([*OPTIONS, "--allow-changes"], "changes nothing"),
    ],
)
def test_options_that_would_be_unsafe_are_refused(options, sentence):
    done = CliRunner().invoke(console, options)

    assert done.exit_code == 2
    assert sentence in done.output


@pytest.mark.parametrize("language", ["", ".ja"])
def test_the_recipe_starts_the_page_as_it_is_meant(language):
    text = (CONSOLE / f"README{language}.md").read_text()
    values = dict.fromkeys(["PROJECT", "DATABASE", "REGION"], "x") | {"NUMBER": "123"}
    for name in ("AUDIENCE", "NAME", "ARGUMENTS"):
        [line] = re.findall(rf'^{name}="(.*)"$', text, re.M)
        values[name] = re.sub(r"\$\{(\w+):\?\}", lambda found: values[found[1]], line)

    given = console.make_context("page", values["ARGUMENTS"].split(",")).params

    assert given["iap_audience"] == "/projects/123/locations/x/services/cmc-page"
    assert given["host_name"] == ("cmc-page-123.x.run.app",)
    assert (given["where"] if "where" in given else given["project"]) == "x"


def instructions():
    text = (CONSOLE / "Dockerfile").read_text()
    return re.findall(r"^([A-Z]+) (.*)$", text, re.M)


def test_the_image_runs_as_nobody_in_particular():
    names = [name for name, _ in instructions()]

    assert ("USER", "page") in instructions()
    assert names.index("USER") < names.index("ENTRYPOINT")


@pytest.fixture
def image(tmp_path):
    """A folder with what the Dockerfile copies of what the ignore file lets in."""
    ignored = pathspec.GitIgnoreSpec.from_lines(
        (CONSOLE / "Dockerfile.dockerignore").read_text().splitlines()
    )
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    sent = [name for name in listed.stdout.splitlines() if not ignored.match_file(name)]
    sources = [shlex.split(rest)[0] for name, rest in instructions() if name == "COPY"]
    for name in sent:
        if any(name == source or name.startswith(f"{source}/") for source in sources):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_image_holds_the_package_and_its_requirements_alone(image):
    assert sorted(path.name for path in image.iterdir()) == ["cmc_webhook", "requirements.txt"]


def test_the_image_serves_and_refuses_a_stranger(image):
    """The real server, with credentials of a made-up account and no way to Google."""
    (image / "account.json").write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "page@p.example",
                "token_uri": "http://127.0.0.1:1/token",
                "private_key": pem(RSA).decode(),
            }
        )
    )
    port = free_port()
    [entry] = [json.loads(rest) for name, rest in instructions() if name == "ENTRYPOINT"]
    environ = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "GOOGLE_APPLICATION_CREDENTIALS": "account.json",
        "HTTPS_PROXY": "http://127.0.0.1:1",
    }
    server = subprocess.Popen(
        [sys.executable, *entry[1:], *OPTIONS],
        cwd=image, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        for line in server.stdout:
            if "Booting worker" in line:
                break

        def ask(headers):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/", headers={"Host": HOST, **headers})
            answer = connection.getresponse()
            connection.close()
            return answer.status

        assert ask({}) == 401
        assert ask({"X-Goog-IAP-JWT-Assertion": sign()}) == 503
    finally:
        server.terminate()
        output = server.stdout.read()
        server.wait()
        server.stdout.close()
    assert "Traceback" not in output

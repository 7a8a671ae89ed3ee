"""Credentials, in each of the three places, through the function; and what is redacted."""

import base64
import io
import json

import pytest

from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import from_env
from tests.support.records import as_form, as_json, make_post, make_record

KEYS = "old-key\nnew-key"
BASIC = "user:pass:word\n日本:語\nusér:pâss"


def basic(pair, charset="utf-8", padding="="):
    encoded = base64.b64encode(pair.encode(charset)).decode()
    return {"Authorization": "Basic " + encoded.replace("=", padding)}


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


ACCEPTED = {
    "api_key": ({}, {"api_key": "old-key"}, "CMC_API_KEYS[1]"),
    "rotated api_key": ({}, {"api_key": "new-key"}, "CMC_API_KEYS[2]"),
    "bearer": (bearer("new-key"), {}, "CMC_API_KEYS[2]"),
    "bearer in another case": ({"authorization": "bEARER   old-key "}, {}, "CMC_API_KEYS[1]"),
    "basic with colons": (basic("user:pass:word"), {}, "CMC_BASIC_CREDENTIALS[1]"),
    "basic beyond ASCII": (basic("日本:語"), {}, "CMC_BASIC_CREDENTIALS[2]"),
    "basic in ISO-8859-1": (basic("usér:pâss", "latin-1"), {}, "CMC_BASIC_CREDENTIALS[3]"),
    "basic in UTF-8": (basic("usér:pâss"), {}, "CMC_BASIC_CREDENTIALS[3]"),
    "basic without padding": (basic("user:pass:word", padding=""), {}, "CMC_BASIC_CREDENTIALS[1]"),
    "a tab after the scheme": ({"Authorization": "Bearer\told-key"}, {}, "CMC_API_KEYS[1]"),
    "a blank behind the key": ({}, {"api_key": "old-key "}, "CMC_API_KEYS[1]"),
    "a blank behind the password": (basic("user:pass:word "), {}, "CMC_BASIC_CREDENTIALS[1]"),
    "right key beside a wrong header": (bearer("x"), {"api_key": "old-key"}, "CMC_API_KEYS[1]"),
    "right header beside a wrong key": (bearer("old-key"), {"api_key": "x"}, "CMC_API_KEYS[1]"),
}

REFUSED = {
    "nothing": ({}, {}),
    "wrong api_key": ({}, {"api_key": "old-keY"}),
    "empty api_key": ({}, {"api_key": ""}),
    "api_key beyond ASCII": ({}, {"api_key": "鍵"}),
    "half an emoji": ({}, {"api_key": "\ud83d"}),
    "api_key twice, both wrong": ({}, {"api_key": ["old-key", "x"]}),
    "a beginning of it": ({}, {"api_key": "old"}),
    "more than it": ({}, {"api_key": "old-key\nnew-key"}),
    "a user and password as key": ({}, {"api_key": "user:pass:word"}),
    "wrong bearer": (bearer("x"), {}),
    "empty bearer": (bearer(""), {}),
    "no scheme": ({"Authorization": "old-key"}, {}),
    "another scheme": ({"Authorization": "Digest old-key"}, {}),
    "bearer with a password": (bearer("user:pass:word"), {}),
    "bearer beyond ASCII": ({"Authorization": "Bearer \xe9\xff"}, {}),
    "wrong password": (basic("user:pass"), {}),
    "a key as a password": (basic("user:old-key"), {}),
    "lone colon": (basic(":"), {}),
    "no base64": ({"Authorization": "Basic ???"}, {}),
    "base64 of nothing": ({"Authorization": "Basic "}, {}),
    "basic beyond ASCII": ({"Authorization": "Basic \xe9"}, {}),
}


@pytest.fixture
def guarded(make_function):
    return make_function(CMC_API_KEYS=KEYS, CMC_BASIC_CREDENTIALS=BASIC)


def send(guarded, encode, headers, fields):
    body, content_type = encode(make_post([make_record()], **fields))
    return guarded.post("/", data=body, content_type=content_type, headers=headers)


@pytest.mark.parametrize("encode", [as_form, as_json])
@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(guarded, documents, capsys, case, encode):
    headers, fields, name = ACCEPTED[case]

    assert send(guarded, encode, headers, fields).json["stored"] == 1
    assert len(documents()) == 1
    assert json.loads(capsys.readouterr().out)["credential"] == name


@pytest.mark.parametrize("encode", [as_form, as_json])
@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_nothing_kept(guarded, documents, quarantine, case, encode):
    headers, fields = REFUSED[case]
    if encode is as_form:  # urllib cannot write what is no UTF-8
        fields = {name: "?" if value == "\ud83d" else value for name, value in fields.items()}

    answer = send(guarded, encode, headers, fields)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.json["error"]["code"] == "not_authenticated"
    assert documents() == {}
    assert quarantine() == []


def test_no_record_is_interpreted_before_authentication(guarded, monkeypatch):
    def interpreted(*_):
        raise AssertionError("a record was interpreted")

    monkeypatch.setattr("cmc_webhook.status.webhook.read_envelope", interpreted)
    monkeypatch.setattr("cmc_webhook.status.webhook.read_events", interpreted)

    assert send(guarded, as_json, {}, {"api_key": "x"}).status_code == 401
    guarded.application.testing = True
    with pytest.raises(AssertionError):
        send(guarded, as_json, {}, {"api_key": "old-key"})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"event=1&event=2"])
def test_an_unreadable_body_without_a_credential_is_401_and_not_kept(guarded, quarantine, body):
    assert guarded.post("/", data=body).status_code == 401
    assert quarantine() == []


def test_the_key_is_found_in_a_form_whose_event_is_no_json(guarded, quarantine):
    body = b"api_key=old-key&event=%7Bnot+json"

    assert guarded.post("/", data=body).status_code == 400
    [entry] = quarantine()
    assert entry["content"] == "api_key=[redacted]&event=%7Bnot+json"


@pytest.mark.parametrize(
    "body",
    [
        b"event=%7B%7D&api_key=old%2Dkey",
        b'{"event": {}, "api_key": "old\\u002dkey"}',
        b'\xef\xbb\xbf{"api_key" : "old-key", "event": {}}',
    ],
)
def test_the_key_is_found_in_every_spelling(guarded, quarantine, body):
    assert guarded.post("/", data=body).status_code == 200


def test_a_key_behind_many_wrong_ones_is_not_looked_for(guarded):
    body = b"api_key=x&" * 100 + b"api_key=old-key"

    assert guarded.post("/", data=body).status_code == 401


def test_a_second_api_key_in_a_form_may_be_the_right_one(guarded):
    body = as_form(make_post([make_record()]))[0] + b"&api_key=wrong&api_key=new-key"

    assert guarded.post("/", data=body).status_code == 200


def test_without_body_keys_a_body_is_not_read(make_function):
    guarded = make_function(CMC_BASIC_CREDENTIALS="user:password")

    body = io.BytesIO(as_json(make_post([make_record()]))[0])

    answer = guarded.post("/", input_stream=body, content_type="application/json")

    assert answer.status_code == 401
    assert body.tell() == 0


def test_permission_to_serve_anybody_ends_with_the_first_credential(make_function):
    guarded = make_function(CMC_ALLOW_UNAUTHENTICATED="true", CMC_API_KEYS="key")

    assert send(guarded, as_json, {}, {}).status_code == 401
    assert send(guarded, as_json, bearer("key"), {}).status_code == 200


def test_www_authenticate_only_where_basic_is_configured(make_function):
    answer = send(make_function(CMC_API_KEYS="key"), as_json, {}, {})

    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"api_key": "guess\\"ed", "a": 1}', b'{"api_key": "[redacted]", "a": 1}'),
        (b'{"api_key" :"cut', b'{"api_key" :"[redacted]"'),
        (b'{"api_key": 12345, "a": 1}', b'{"api_key": "[redacted]", "a": 1}'),
        (b'{"api_key":null}', b'{"api_key":"[redacted]"}'),
        (b"\xef\xbb\xbf api_key=guess&b=2", b"\xef\xbb\xbf api_key=[redacted]&b=2"),
        (b"api%5Fkey=s%2fec+%22ret", b"api%5Fkey=[redacted]"),
        (b'{"api\\u005fkey":"s\\/ec \\"ret"}', b'{"api\\u005fkey":"[redacted]"}'),
        (b"a=1&api_key=gue%20ss&b=2", b"a=1&api_key=[redacted]&b=2"),
        (b"api_key=guess", b"api_key=[redacted]"),
        (b"a=1&api%5fkey=guess&b", b"a=1&api%5fkey=[redacted]&b"),
        (b'{"\\u0061pi_key": "guess"}', b'{"\\u0061pi_key": "[redacted]"}'),
        (b"json: \\u00E9 and \\u00e9", b"json: [redacted] and [redacted]"),
        (b"my_api_key=kept", b"my_api_key=kept"),
        (b'subject: s/ec "ret here', b"subject: [redacted] here"),
        (b'json: s/ec \\"ret', b"json: [redacted]"),
        (b"form: s%2Fec+%22ret", b"form: [redacted]"),
        (b"url: s%2Fec%20%22ret", b"url: [redacted]"),
        (b"user:letmein and letmein", b"[redacted] and [redacted]"),
        ("鍵 \\u9375 %E9%8D%B5".encode(), b"[redacted] [redacted] [redacted]"),
        ("鍵".encode() + b"\xff", b"[redacted]\xff"),
    ],
)
def test_redaction(content, expected):
    environ = {"CMC_API_KEYS": 's/ec "ret', "CMC_BASIC_CREDENTIALS": "user:letmein\nu:鍵\nu:é"}

    assert Redactor(from_env(environ)).redact(content) == expected

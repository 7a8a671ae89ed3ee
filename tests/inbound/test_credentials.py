"""Credentials of received mail: CMC's three, and the key and secret of a query string."""

import io
import json

import pytest

from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import SettingsError, inbound_from_env, unknown_variables
from tests.support.mails import cmc_json, cmc_multipart, file, sendgrid
from tests.support.records import as_form, as_json, make_post, make_record
from tests.test_auth import basic, bearer

SETTINGS = {
    "CMC_API_KEYS": "old-key\nnew-key",
    "CMC_BASIC_CREDENTIALS": "user:password",
    "CMC_MAIL_KEYS": "other:pair\nmail-key:mail:secret",
}
ACCEPTED = {
    "bearer": ("/", bearer("new-key"), sendgrid(), "CMC_API_KEYS[2]"),
    "basic": ("/", basic("user:password"), sendgrid(), "CMC_BASIC_CREDENTIALS[1]"),
    "query": ("/?MailKey=mail-key&MailSecret=mail%3Asecret", {}, sendgrid(), "CMC_MAIL_KEYS[2]"),
    "api_key in JSON": ("/", {}, cmc_json(api_key="old-key"), "CMC_API_KEYS[1]"),
    "api_key in a part": ("/", {}, cmc_multipart(api_key="old-key"), "CMC_API_KEYS[1]"),
    "a right one beside wrong ones": (
        "/?MailKey=mail-key&MailSecret=x",
        bearer("x"),
        cmc_multipart(api_key="new-key"),
        "CMC_API_KEYS[2]",
    ),
}
REFUSED = {
    "nothing": ("/", {}, sendgrid()),
    "wrong bearer": ("/", bearer("mail-key"), sendgrid()),
    "wrong basic": ("/", basic("mail-key:mail:secret"), sendgrid()),
    "wrong secret": ("/?MailKey=mail-key&MailSecret=wrong", {}, sendgrid()),
    "a key without its secret": ("/?MailKey=mail-key", {}, sendgrid()),
    "the secret of another key": ("/?MailKey=mail-key&MailSecret=pair", {}, sendgrid()),
    "user and password in the query": ("/?MailKey=user&MailSecret=password", {}, sendgrid()),
    "empty key and secret": ("/?MailKey=&MailSecret=", {}, sendgrid()),
    "no UTF-8": ("/?MailKey=%ff&MailSecret=%ff", {}, sendgrid()),
    "wrong api_key in JSON": ("/", {}, cmc_json(api_key="x")),
    "wrong api_key in a part": ("/", {}, cmc_multipart(api_key="x")),
    "an unreadable body": ("/", {}, b"--B\r\ncut"),
    "a body of none of the formats": ("/", {}, b"x"),
    "a status with a wrong key": ("/", {}, as_json(make_post([make_record()], api_key="x"))[0]),
}


@pytest.fixture
def guarded(make_inbound):
    return make_inbound(**SETTINGS)


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(guarded, mails, capsys, case):
    url, headers, body, name = ACCEPTED[case]

    assert guarded.post(url, data=body, headers=headers).json["stored"] == 1
    assert len(mails()) == 1
    assert json.loads(capsys.readouterr().out)["credential"] == name


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_nothing_kept(guarded, mails, unreadable, objects, case):
    url, headers, body = REFUSED[case]

    answer = guarded.post(url, data=body, headers=headers)

    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "not_authenticated"
    assert (mails(), unreadable(), objects()) == ([], [], {})


def test_the_query_is_no_credential_of_the_status_function(make_function, documents):
    function = make_function(CMC_API_KEYS="key", CMC_MAIL_KEYS="mail-key:secret")
    body, _ = as_form(make_post([make_record()]))

    assert function.post("/?MailKey=mail-key&MailSecret=secret", data=body).status_code == 401
    assert documents() == {}


@pytest.mark.parametrize("target", ["cmc_webhook", "cmc_inbound"])
def test_a_query_that_is_not_utf_8_is_no_500(make_app, bucket, target):
    settings = {"CMC_BASIC_CREDENTIALS": "user:password", "CMC_ATTACHMENT_BUCKET": bucket.name}
    function = make_app(target, **settings)
    query = {"QUERY_STRING": "MailKey=\xff&MailSecret=\xe3\x81"}

    refused = function.post("/", environ_overrides=query)
    accepted = function.post("/", environ_overrides=query, headers=basic("user:password"))

    assert refused.status_code == 401
    assert accepted.status_code in (200, 400)  # an empty body: not an event, or in quarantine


def test_without_body_keys_a_body_is_not_read(make_inbound):
    guarded = make_inbound(CMC_MAIL_KEYS="key:secret")
    body = io.BytesIO(sendgrid())

    answer = guarded.post("/?MailKey=key", input_stream=body, content_type="x")

    assert answer.status_code == 401
    assert body.tell() == 0


def test_nothing_secret_or_personal_is_logged(guarded, capsys):
    for body in (sendgrid(file(1, b"x", "MARKER")), sendgrid(text="MARKER"), b"MARKER"):
        guarded.post("/MARKER?MailKey=mail-key&MailSecret=mail:secret", data=body)
        guarded.post("/?MailKey=mail-key&MailSecret=MARKER", data=body)

    captured = capsys.readouterr()
    assert "Stored 1" in captured.out
    for word in ("MARKER", "mail-key", "mail:secret", "example"):
        assert word not in captured.out + captured.err


def test_what_is_kept_of_an_unreadable_body_holds_no_key(guarded, objects):
    body = cmc_multipart(api_key="old-key", headers="mail:secret guess")
    guarded.post("/", data=body)

    [kept] = objects().values()
    assert b'name="api_key"\r\n\r\n[redacted]\r\n' in kept
    assert b"[redacted] guess" in kept


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'name="api_key"\r\n\r\nguess\r\n--B', b'name="api_key"\r\n\r\n[redacted]\r\n--B'),
        (
            b'name="api_key"\r\nContent-Type: text/plain\r\n\r\nguess\r\n--B',
            b'name="api_key"\r\nContent-Type: text/plain\r\n\r\n[redacted]\r\n--B',
        ),
        (b"pair other:pair", b"[redacted] [redacted]"),
        (b"other", b"other"),  # a key alone opens nothing, and may be any word
    ],
)
def test_redaction(content, expected):
    settings = inbound_from_env(SETTINGS | {"CMC_ATTACHMENT_BUCKET": "bucket"})

    assert Redactor(settings).redact(content) == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CMC_ATTACHMENT_BUCKET", ""),
        ("CMC_ATTACHMENT_BUCKET", "gs://bucket"),
        ("CMC_ATTACHMENT_BUCKET", "Bucket"),
        ("CMC_MAIL_KEYS", "key"),
        ("CMC_MAIL_KEYS", ":"),
        ("CMC_INBOUND_COLLECTION", "a/b"),
        ("CMC_RETENTION_DAYS", "0"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_the_variable(variable, value):
    environ = {"CMC_API_KEYS": "key", "CMC_ATTACHMENT_BUCKET": "bucket"}
    with pytest.raises(SettingsError) as caught:
        inbound_from_env(environ | {variable: value})

    assert str(caught.value).startswith(variable)
    assert "\n" not in str(caught.value)


def test_no_credential_is_no_service():
    with pytest.raises(SettingsError, match="CMC_MAIL_KEYS"):
        inbound_from_env({"CMC_ATTACHMENT_BUCKET": "bucket"})


def test_the_settings_of_the_other_function_are_not_unknown():
    assert unknown_variables({"CMC_TIME_ZONE": "UTC", "CMC_MAIL_KEYS": "a:b"}) == []

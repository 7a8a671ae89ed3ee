"""Odd bodies cost what their length costs: no pattern and no parser takes quadratic time."""

import contextlib

import pytest

from cmc_webhook.api_keys import find_api_keys
from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.fields import read_fields
from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import from_env
from cmc_webhook.status.envelope import read_envelope
from cmc_webhook.status.quarantine import quarantined_body
from tests.support.growth import assert_linear

PIECES = (
    *(b'"api_key":', b'"api_key" ', b'"api_key":"', b'"api_key":"\\', b'"api_key"' + b" " * 50),
    *(b"&api_key=", b'name="api_key"\r\n', b'name="api_key"\r\nx', b'name="api_key"\r\na: b\r\n'),
    *(b'Content-Disposition: form-data; name="', b"a=b&", b"[", b'{"a":', b'"', b"\\", b" ", b"\n"),
    *(b"%", b"\xff", b"\xed\xa0\xbd", b"&", b"<>"),
)
BEGINNINGS = (b"", b'{"event":"', b"--x\r\n", b'"api_key":', b"event=")
REDACTOR = Redactor(
    from_env({"CMC_API_KEYS": 's/ec "ret', "CMC_BASIC_CREDENTIALS": "user:password"})
)


def read_and_keep(body):
    find_api_keys(body)
    with contextlib.suppress(MalformedEnvelope):
        read_envelope(read_fields(body).values)
    quarantined_body(body, REDACTOR)


@pytest.mark.parametrize("piece", PIECES)
def test_a_body_that_is_no_event(piece, scale):
    for beginning in BEGINNINGS:
        assert_linear(
            read_and_keep,
            lambda size, b=beginning: b + piece * (size // len(piece)),
            size=int(64 * 1024 * scale),
        )

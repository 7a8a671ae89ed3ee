"""Removes secrets from content before it is stored or logged. Pure."""

import json
import re
from urllib.parse import quote, quote_plus

from cmc_webhook.api_keys import IN_FORM, IN_JSON, IN_PART
from cmc_webhook.settings import BASIC_CREDENTIALS, MAIL_KEYS, Settings

REDACTED = b"[redacted]"


class Redactor:
    """Replaces every ``api_key``, accepted or not, and every configured secret."""

    def __init__(self, settings: Settings) -> None:
        self._traces = sorted(_traces(settings), key=len, reverse=True)

    def redact(self, content: bytes) -> bytes:
        """Return *content* with every secret replaced by REDACTED."""
        content = IN_JSON.sub(rb'\g<head>"' + REDACTED + b'"', content)
        for pattern in (IN_FORM, IN_PART):
            content = pattern.sub(rb"\g<head>" + REDACTED, content)
        for trace in self._traces:
            content = content.replace(trace, REDACTED)
        return content


def _traces(settings: Settings) -> set[bytes]:
    """Return the spellings in which a configured secret can stand in a body."""
    secrets = {secret for several in settings.credentials.values() for secret in several}
    for variable in (BASIC_CREDENTIALS, MAIL_KEYS):
        secrets |= {pair.partition(":")[2] for pair in settings.credentials.get(variable, ())}
    traces = set()
    for secret in filter(None, secrets):
        in_json = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
        in_json |= {text.replace("/", r"\/") for text in in_json}
        in_json |= {re.sub(r"(?<=\\u)....", lambda code: code[0].upper(), text) for text in in_json}
        in_form = {quote(secret, safe=""), quote_plus(secret)}
        in_form |= {re.sub("%..", lambda code: code[0].lower(), text) for text in in_form}
        traces |= {secret} | in_json | in_form
    return {trace.encode() for trace in traces}

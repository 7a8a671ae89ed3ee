"""
What a received mail must have become, said from the mail itself and not from its post.

Imports nothing of the function: a rule that is wrong there shall not be wrong here too. Pure.
"""

from collections.abc import Mapping
from typing import Any

from cmc_webhook.simulator.lives import COMPOSITION
from cmc_webhook.simulator.received import Form, Person, ReceivedMail

_FILE = ("file_name", "content_type", "size", "sha256")


def differences(mail: ReceivedMail, found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields, by their path, in which *found* is wrong: what it has and must have."""
    expected = _expected(mail)
    have = {name: found.get(name) for name in expected}
    have["attachments"] = [
        {name: file.get(name) for name in _FILE} for file in found.get("attachments", ())
    ]
    has, must = _leaves(have), _leaves(expected)
    return {
        path: (has.get(path), must.get(path))
        for path in has | must
        if has.get(path) != must.get(path)
    }


def _expected(mail: ReceivedMail) -> dict[str, Any]:
    cmc = mail.form is not Form.SENDGRID
    return {
        "provider": "cmc" if cmc else "sendgrid",
        "message_id": mail.message_id,
        "from": _person(mail.sender),
        "to": [_person(mail.recipient)],
        "envelope_from": mail.sender.address,
        "envelope_to": [mail.recipient.address],
        "subject": mail.subject or None,
        "date": mail.written_at,
        "in_reply_to": mail.in_reply_to or None,
        "status_of": mail.in_reply_to or None,
        "text": mail.text,
        "html": mail.html or None,
        "attachments": [
            dict(zip(_FILE, (f.name, f.content_type, len(f.content), f.sha256), strict=True))
            for f in mail.files
        ],
        "attachments_missing": None,
        "server_composition": COMPOSITION if cmc else None,
        "filter": mail.recipient.address if cmc else None,
    }


def _person(person: Person) -> dict[str, str]:
    return {"address": person.address} | ({"name": person.name} if person.name else {})


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Return every plain value in *value* by its path, such as ``attachments.0.size``."""
    if isinstance(value, Mapping):
        items = [(str(name), item) for name, item in value.items()]
    elif isinstance(value, list):
        items = [(str(place), item) for place, item in enumerate(value)]
    else:
        return {path: value}
    below = (_leaves(item, f"{path}.{name}" if path else name) for name, item in items)
    return {leaf: item for leaves in below for leaf, item in leaves.items()}

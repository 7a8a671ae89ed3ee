"""
The alerts: which log line each is about, and the policy of Cloud Monitoring that mails it. Pure.

A policy matches single lines (https://cloud.google.com/logging/docs/alerting/log-based-alerts), so
that a mail comes within minutes and no rate has to be chosen.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cmc_webhook.reading.texts import Texts

# Our policies, channel and metric are found again by this label: Google chooses their names.
LABEL = "cmc_webhook_alert"
METRIC = "cmc_webhook_posts"

# What a line has, by the name of the alert.
DEFAULT_FILTERS = {
    "refusals": 'severity>=ERROR AND jsonPayload.error="not_authenticated"',
    "storage": 'severity>=ERROR AND jsonPayload.error="store_unavailable"',
    "sender_auth": "jsonPayload.sender_auth>0",
    "quarantine": "severity>=ERROR AND (jsonPayload.quarantined>0"
    ' OR jsonPayload.error="malformed_envelope")',
}
# These are of the lines that Google writes for each request.
OTHER_FILTERS = {"crash": "httpRequest.status=500", "forbidden": "httpRequest.status=403"}
FILTERS = DEFAULT_FILTERS | OTHER_FILTERS
SILENCE = "silence"
# A policy can wait for 23.5 hours at most (documented).
LONGEST_SILENCE_H = 23

_RATE_LIMIT, _AUTO_CLOSE = "3600s", "86400s"


def policies(
    functions: Sequence[str], others: Collection[str], silence_h: int, texts: Texts
) -> dict[str, str]:
    """Return each policy as JSON by its alert: the default ones, *others*, and of silence."""
    made = {
        name: line_policy(name, functions, texts)
        for name in FILTERS
        if name in DEFAULT_FILTERS or name in others
    }
    if silence_h:
        made[SILENCE] = silence_policy(silence_h, texts)
    return {name: json.dumps(policy, ensure_ascii=False) for name, policy in made.items()}


def log_filter(name: str, functions: Sequence[str]) -> str:
    """Return the filter of the log lines of *functions* that the alert is about."""
    return f"{_of(functions)} AND {FILTERS[name]}"


def posts_filter(functions: Sequence[str]) -> str:
    """Return the filter of the lines of accepted posts, which the metric counts."""
    return f"{_of(functions)} AND jsonPayload.received>0"


def _of(functions: Sequence[str]) -> str:
    names = " OR ".join(f'"{name}"' for name in functions)
    return f'resource.type="cloud_run_revision" AND resource.labels.service_name=({names})'


def line_policy(name: str, functions: Sequence[str], texts: Texts) -> dict[str, Any]:
    """Return the policy that mails when a line matches, at most once an hour."""
    limit = {"notificationRateLimit": {"period": _RATE_LIMIT}}
    condition = {"conditionMatchedLog": {"filter": log_filter(name, functions)}}
    return _policy(name, condition, texts) | {"alertStrategy": {**limit, "autoClose": _AUTO_CLOSE}}


def silence_policy(hours: int, texts: Texts) -> dict[str, Any]:
    """Return the policy that mails when nothing was accepted for *hours*."""
    metric = f'metric.type="logging.googleapis.com/user/{METRIC}"'
    absent = {
        "filter": f'{metric} AND resource.type="cloud_run_revision"',
        "duration": f"{hours * 3600}s",
        "aggregations": [
            {
                "alignmentPeriod": "300s",
                "perSeriesAligner": "ALIGN_DELTA",
                "crossSeriesReducer": "REDUCE_SUM",
            }
        ],
    }
    return _policy(SILENCE, {"conditionAbsent": absent}, texts)


def _policy(name: str, condition: dict[str, Any], texts: Texts) -> dict[str, Any]:
    subject = texts.text(f"alert.{name}")
    return {
        "displayName": subject,
        "userLabels": {LABEL: name},
        "documentation": {
            "subject": subject,
            "content": texts.text(f"alert_todo.{name}"),
            "mimeType": "text/markdown",
        },
        "combiner": "OR",
        "enabled": True,
        "conditions": [{"displayName": subject, **condition}],
    }


def chosen(channels: Sequence[Any], found: Sequence[Any]) -> Mapping[str, Any]:
    """Return what was chosen for the *channels* and policies that were *found*, if any are ours."""
    emails = [
        (each.get("labels") or {}).get("email_address", "") for each in channels if alert_of(each)
    ]
    ours = {name: each for each in found if (name := alert_of(each))}
    absent = [
        condition["conditionAbsent"]["duration"]
        for condition in ours.get(SILENCE, {}).get("conditions", ())
        if "conditionAbsent" in condition
    ]
    return {
        "alert_email": next(iter(emails), ""),
        "alert": tuple(name for name in OTHER_FILTERS if name in ours),
        "mail_every": next((int(duration.rstrip("s")) // 3600 for duration in absent), 0),
    }


def alert_of(item: Mapping[str, Any]) -> str:
    """Return the name in our label of a channel or policy, empty if it is not ours."""
    return str((item.get("userLabels") or {}).get(LABEL, ""))

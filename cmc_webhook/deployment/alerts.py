"""The policies of Cloud Monitoring that mail an alert, from alerts.toml. Pure."""

import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cmc_webhook.reading.texts import Texts

_TABLE = tomllib.loads(Path(__file__).with_name("alerts.toml").read_text(encoding="utf-8"))
# Google chooses the names of channels and policies: ours have this label.
LABEL = "cmc_webhook_alert"
OTHERS = tuple(_TABLE["other"])
SILENCE = "silence"
LONGEST_SILENCE_H = 23
# The filter of each alert, and that of accepted posts.
FILTERS = {
    name: f"{_TABLE['service']} AND {line}"
    for name, line in {**_TABLE["default"], **_TABLE["other"]}.items()
}
POSTS = f"{_TABLE['service']} AND {_TABLE['posts']}"


def policies(others: Collection[str], silence_h: int, texts: Texts) -> dict[str, str]:
    """Return each policy as JSON, by its alert; *silence_h*: hours without a post, 0 for never."""
    conditions: dict[str, Any] = {
        name: {"conditionMatchedLog": {"filter": FILTERS[name]}}
        for name in FILTERS
        if name in others or name not in OTHERS
    }
    if silence_h:
        absent = {**_TABLE[SILENCE], "duration": f"{silence_h * 3600}s"}
        conditions[SILENCE] = {"conditionAbsent": absent}
    found = {}
    for name, condition in conditions.items():
        subject, todo = texts.text(f"alert.{name}"), texts.text(f"alert_todo.{name}")
        policy = {
            "displayName": subject,
            "userLabels": {LABEL: name},
            "documentation": {"subject": subject, "content": todo, "mimeType": "text/markdown"},
            **_TABLE["policy"],
            "conditions": [{"displayName": subject, **condition}],
            **({} if name == SILENCE else _TABLE["of_line"]),
        }
        found[name] = json.dumps(policy, ensure_ascii=False)
    return found


def chosen(channels: Sequence[Any], found: Sequence[Any]) -> dict[str, Any]:
    """Return the options of `deploy` that made our *channels* and policies."""
    ours = {alert_of(each): each for each in (*channels, *found)}
    silence = ours.get(SILENCE, {}).get("conditions") or [{}]
    duration = silence[0].get("conditionAbsent", {}).get("duration", "0s")
    return {
        "alert_email": ours.get("channel", {}).get("labels", {}).get("email_address", ""),
        "alert": tuple(name for name in OTHERS if name in ours),
        "mail_every": int(duration.rstrip("s")) // 3600,
    }


def alert_of(item: Mapping[str, Any]) -> str:
    """Return the name in our label of a channel or policy, empty if it is not ours."""
    return str((item.get("userLabels") or {}).get(LABEL, ""))

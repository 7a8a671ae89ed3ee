"""The checks of the table of steps: what gcloud's JSON says of a thing. Pure.

Each returns None if the thing is missing, else what is wrong with it: nothing if all is right,
BUILDING if Google is not ready yet. Fields are those of Google's references; any may be missing.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cmc_webhook.deployment.alerts import alert_of

Found = Any  # the JSON of a look
Differences = Sequence[str] | None

BUILDING = ("building",)
_BUILDING_STATES = ("CREATING", "DEPLOYING")
_UNCHECKED = "run.googleapis.com/invoker-iam-disabled"
_JSON = tomllib.loads(Path(__file__).with_name("steps.toml").read_text(encoding="utf-8"))["json"]


def at(item: Any, path: str) -> Any:
    """Return what stands at this dotted *path*, None if nothing does."""
    for name in path.split("."):
        item = (item or {}).get(name)
    return item


def of_name(found: Found, name: str) -> Mapping[str, Any] | None:
    """Return the item whose resource name ends with */name*."""
    return next((item for item in found if f"/{at(item, 'name')}".endswith(f"/{name}")), None)


def _by_state(state: str | None, right: str) -> Differences:
    if state in _BUILDING_STATES:
        return BUILDING
    return () if state in (right, None) else (state,)


def all_named(found: Found, *names: str) -> Differences:
    """Look for an item of each resource name."""
    return () if all(of_name(found, name) for name in names) else None


def is_listed(found: Found, key: str, value: str) -> Differences:
    """Look for an item that has this."""
    return () if any(item.get(key) == value for item in found) else None


def has_role(found: Found, role: str, member: str, condition: str = "") -> Differences:
    """Look for the binding in the policy, with this expression as its condition."""
    for each in at(found, "bindings") or ():
        right = (each.get("role"), at(each, "condition.expression") or "") == (role, condition)
        if right and member in each.get("members", ()):
            return ()
    return None


def has_state(found: Found, name: str, path: str, right: str) -> Differences:
    """Look for the item of this resource name that has the state *right* at *path*."""
    item = of_name(found, name)
    return None if item is None else _by_state(at(item, path), right)


def is_exempted(found: Found, name: str) -> Differences:
    """Look for the field among those with settings of their own, without any index."""
    field = of_name(found, name)
    return None if field is None else ("indexes",) if at(field, "indexConfig.indexes") else ()


def is_indexed(found: Found, group: str, field: str, mode: str, last: str) -> Differences:
    """Look for the composite index of *field*, in gcloud's *mode*, and, descending, *last*."""
    for index in found:
        parts = [
            (at(each, "fieldPath"), at(each, "order") or at(each, "arrayConfig"))
            for each in index.get("fields", ())
        ]
        ours = [part for part in parts if part[0] != "__name__"]
        right = ours == [(field, mode.partition("=")[2].upper()), (last, "DESCENDING")]
        if right and f"/{group}" in index.get("name", ""):
            return _by_state(index.get("state"), "READY")
    return None


def deletes_objects(found: Found, bucket: str, days: str) -> Differences:
    """Look for the rule that deletes the objects of the bucket at this age."""
    rules = [at(item, "lifecycle.rule") or () for item in found if item.get("name") == bucket]
    ages = [str(at(rule, "condition.age")) for each in rules for rule in each
            if at(rule, "action.type") == "Delete"]  # fmt: skip
    return () if days in ages else None


def is_unchecked(found: Found, service: str) -> Differences:
    """Look for the service, which anybody may call without a check by IAM."""
    for each in found:
        notes = at(each, "metadata.annotations") or {}
        if at(each, "metadata.name") == service and notes.get(_UNCHECKED) == "true":
            return ()
    return None


def is_channel(found: Found, email: str) -> Differences:
    """Look for our channel of mails."""
    ours = next(filter(alert_of, found), None)
    if ours is None:
        return None
    return () if at(ours, "labels.email_address") == email else ("email",)


def is_alert(found: Found, name: str, policy: str) -> Differences:
    """Look for the policy of this alert, with the conditions of *policy* and a channel."""
    stands = next((each for each in found if alert_of(each) == name), None)
    if stands is None:
        return None
    pairs = zip(stands.get("conditions", ()), json.loads(policy)["conditions"], strict=False)
    same = [_has(each, wanted) for each, wanted in pairs]
    wrong = {
        "condition": not all(same) or not same,
        "disabled": stands.get("enabled") is False,
        "channel": not stands.get("notificationChannels"),
    }
    return [word for word, is_wrong in wrong.items() if is_wrong]


def _has(item: Any, wanted: Any) -> bool:
    """Whether *item* has all of *wanted*, but for names, which are in somebody's language."""
    if not isinstance(wanted, dict):
        return bool(item == wanted)
    return all(_has(at(item, key), each) for key, each in wanted.items() if key != "displayName")


def is_deployed(found: Found, name: str, *deploy: str) -> Differences:
    """Look for the function as the words of its command *deploy* make it."""
    function = of_name(found, name)
    if function is None:
        return None
    options = dict(word.split("=", 1) for word in deploy if "=" in word)
    wrong = [
        option.lstrip("-")
        for option, path in _JSON["of_options"].items()
        if _plain(at(function, path)) != _plain(options[option])
    ]
    for option, path in _JSON["of_maps"].items():
        stands = at(function, path) or {}
        pairs = dict(pair.split("=", 1) for pair in options[option].split(","))
        wrong += [key for key, value in pairs.items() if (stands.get(key) or "") != value]
    read = at(function, "serviceConfig.secretEnvironmentVariables") or ()
    variable = options["--update-secrets"].partition("=")[0]
    if variable not in [at(each, "key") for each in read]:
        wrong.append(variable)
    return wrong or _by_state(function.get("state"), "ACTIVE")


def _plain(value: Any) -> str:
    """Return a size or number as it may be written in several ways in one."""
    return str(value).removesuffix("s").replace("1024Mi", "1Gi")

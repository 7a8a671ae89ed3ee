"""The steps of the table that make the alerts: gcloud takes them, and they see what differs."""

import copy
import dataclasses
import json

import pytest

from cmc_webhook.deployment.alerts import FILTERS, OTHERS, SILENCE, chosen
from cmc_webhook.deployment.steps import Wanted, table
from tests.support import shell

WANTED = Wanted(
    project="my-project",
    region="asia-northeast1",
    database="cmc",
    inbound=True,
    alert_email="ops@example.jp",
    alerts=OTHERS,
    mail_every=20,
)
DEFAULT = [name for name in FILTERS if name not in OTHERS]
CHANNEL = {
    "name": "projects/my-project/notificationChannels/123",
    "type": "email",
    "labels": {"email_address": "ops@example.jp"},
    "userLabels": {"cmc_webhook_alert": "channel"},
}


def alert_steps(wanted=WANTED):
    return [step for step in table(wanted) if step.name.startswith("alert")]


def policy_of(step, number=1):
    """Return the policy as Cloud Monitoring lists it: with names of its own, and defaults."""
    policy = json.loads(step.file)
    name = f"projects/my-project/alertPolicies/{number}"
    [condition] = policy["conditions"]
    condition["name"] = f"{name}/conditions/{number}"
    return policy | {"name": name, "notificationChannels": [CHANNEL["name"]]}


STEPS = {step.subject: step for step in alert_steps() if step.name == "alert"}


def test_there_is_a_channel_a_metric_and_each_alert():
    assert [step.name for step in alert_steps()][:2] == ["alert_channel", "alert_metric"]
    assert list(STEPS) == [*FILTERS, SILENCE]


def test_four_alerts_by_default_and_none_without_an_address():
    plain = dataclasses.replace(WANTED, alerts=(), mail_every=0)

    assert [s.subject for s in alert_steps(plain)] == ["ops@example.jp", *DEFAULT]
    assert alert_steps(dataclasses.replace(WANTED, alert_email="")) == []


def test_gcloud_takes_every_command(tmp_path):
    file = tmp_path / "policy.json"
    file.write_text("{}")
    values = {"<FILE>": str(file), "<CHANNEL>": CHANNEL["name"], "<POLICY>": "1"}
    found = []
    for step in alert_steps():
        others = [words for each in step.values.values() for words in each]
        for words in filter(
            None, (step.look, step.make, step.change, step.exists, step.undo, *others)
        ):
            for name, value in values.items():
                words = tuple(word.replace(name, value) for word in words)
            found.append(["gcloud", *words, "--project=my-project"])

    assert len(found) > 50
    shell.check_gcloud(found)


FOUND_BY_GCLOUD = """
import json, sys
from googlecloudsdk.core.resource import resource_filter
for text, item in json.load(sys.stdin):
    print(resource_filter.Compile(text).Evaluate(item))
"""


def test_gclouds_filter_finds_ours_and_no_other():
    items = [CHANNEL, {**CHANNEL, "userLabels": {"team": "x"}}, {"name": "none"}]
    items += map(policy_of, STEPS.values())
    filters = {
        subject: word.removeprefix("--filter=")
        for subject, step in {**STEPS, "channel": alert_steps()[0]}.items()
        for word in step.exists
        if word.startswith("--filter=")
    }
    asked = [(text, item) for text in filters.values() for item in items]

    told = shell.run_in_gcloud(FOUND_BY_GCLOUD, asked).split()

    assert told == [
        str((item.get("userLabels") or {}).get("cmc_webhook_alert") == name)
        for name in filters
        for item in items
    ]
    assert told.count("True") == len(filters)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_policy_that_was_made_is_right(step):
    others = [policy_of(each) for each in STEPS.values() if each is not step]

    assert step.differs([]) is None
    assert step.differs(others) is None
    assert list(step.differs([*others, policy_of(step)])) == []


def changed(path, value):
    def change(policy):
        *way, last = path
        for each in way:
            policy = policy[each]
        policy[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (changed(["displayName"], "another name"), []),
        (changed(["documentation", "content"], "in another language"), []),
        (changed(["conditions", 0, "displayName"], "another name"), []),
        (changed(["conditions", 0, "conditionMatchedLog", "filter"], "x"), ["condition"]),
        (changed(["conditions", 0], {"conditionAbsent": {}}), ["condition"]),
        (changed(["conditions"], []), ["condition"]),
        (changed(["enabled"], False), ["disabled"]),
        (changed(["notificationChannels"], []), ["channel"]),
    ],
)
def test_what_differs_in_a_policy_is_seen(change, expected):
    step = STEPS["storage"]
    policy = copy.deepcopy(policy_of(step))

    change(policy)

    assert list(step.differs([policy])) == expected


def test_a_policy_follows_the_hours():
    plain = dataclasses.replace(WANTED, mail_every=10)
    before = {step.subject: policy_of(step) for step in alert_steps(plain) if step.name == "alert"}

    differences = {name: list(STEPS[name].differs([before[name]])) for name in STEPS}

    assert differences == {**{name: [] for name in STEPS}, SILENCE: ["condition"]}


def test_another_address_and_a_missing_metric_are_seen():
    channel, metric = alert_steps()[:2]
    other = {**CHANNEL, "labels": {"email_address": "old@example.jp"}}

    assert channel.differs([]) is None
    assert channel.differs([{**CHANNEL, "userLabels": {}}, {"name": "x"}]) is None
    assert list(channel.differs([CHANNEL])) == []
    assert list(channel.differs([other])) == ["email"]
    assert metric.differs([{"name": "another", "filter": "x"}]) is None
    assert list(metric.differs([{"name": "cmc_webhook_posts", "filter": "x"}])) == []


def test_what_was_chosen_before_is_read_back():
    plain = [policy_of(STEPS[name]) for name in DEFAULT]
    every = [policy_of(step) for step in STEPS.values()]

    assert chosen([], []) == {"alert_email": "", "alert": (), "mail_every": 0}
    assert chosen([{"labels": {"email_address": "x"}}, CHANNEL], plain) == {
        "alert_email": "ops@example.jp",
        "alert": (),
        "mail_every": 0,
    }
    assert chosen([CHANNEL], every)["alert"] == OTHERS
    assert chosen([CHANNEL], every)["mail_every"] == 20

"""The alerts on the stand-in for gcloud: made, left, changed, and taken away."""

import shutil

import pytest

from cmc_webhook.deployment.alerts import FILTERS, LABEL, OTHERS, SILENCE
from tests.deployment.conftest import Cloud

DEFAULT = [name for name in FILTERS if name not in OTHERS]


@pytest.fixture(scope="module")
def from_nothing(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    done = cloud.deploy("--retention-days", "365", "--alert-email", "ops@example.jp")
    assert done.returncode == 0, done.stdout + done.stderr
    return cloud


@pytest.fixture
def deployed(from_nothing, cloud):
    """A project of its own for a test, with functions and alerts."""
    shutil.copy(from_nothing.folder / "state.json", cloud.folder)
    return cloud


def alerts(cloud):
    return [policy["userLabels"][LABEL] for policy in cloud.state["policies"]]


def changes(cloud):
    """Return the calls about alerts that change something."""
    verbs = {"create", "update", "delete"}
    calls = [call for call in cloud.calls() if {"monitoring", "metrics"} & {*call}]
    return [call for call in calls if verbs & {*call}]


def test_four_alerts_that_mail_to_the_address(deployed):
    [channel] = deployed.state["channels"]

    assert channel["labels"] == {"email_address": "ops@example.jp"}
    assert alerts(deployed) == DEFAULT
    for policy in deployed.state["policies"]:
        assert policy["notificationChannels"] == [channel["name"]]


@pytest.mark.parametrize("again", [(), ("--alert-email", "ops@example.jp")])
def test_the_second_time_there_is_nothing_to_do(deployed, again):
    done = deployed.deploy(*again)

    assert done.stdout.endswith("Nothing to do.\n")
    assert changes(deployed) == []


@pytest.mark.slow
def test_more_alerts_are_added_and_stay(deployed):
    assert deployed.deploy("--alert", "crash", "--mail-every", "20").returncode == 0
    assert alerts(deployed) == [*DEFAULT, "crash", SILENCE]
    assert [metric["name"] for metric in deployed.state["metrics"]] == ["cmc_webhook_posts"]

    deployed.calls()
    assert deployed.deploy().stdout.endswith("Nothing to do.\n")
    assert changes(deployed) == []

    assert deployed.deploy("--mail-every", "10").returncode == 0
    [changed] = changes(deployed)
    assert changed[:4] == ["alpha", "monitoring", "policies", "update"]
    absent = deployed.state["policies"][-1]["conditions"][0]["conditionAbsent"]
    assert absent["duration"] == "36000s"


@pytest.mark.slow
def test_another_address_changes_the_channel_alone(deployed):
    assert deployed.deploy("--alert-email", "desk@example.jp").returncode == 0

    [channel] = deployed.state["channels"]
    assert channel["labels"] == {"email_address": "desk@example.jp"}
    [changed] = changes(deployed)
    assert changed[:4] == ["beta", "monitoring", "channels", "update"]


def test_an_alert_that_somebody_changed_is_mended(deployed):
    def break_them(state):
        state["policies"][0]["enabled"] = False
        state["policies"][1]["conditions"][0]["conditionMatchedLog"]["filter"] = "severity=ERROR"
        del state["policies"][2]

    deployed.update(break_them)

    done = deployed.deploy()

    assert "alerts: refusals, storage: another condition, it is switched off" in done.stdout
    assert sorted(alerts(deployed)) == sorted(DEFAULT)
    assert deployed.state["policies"][0]["enabled"] is True


@pytest.mark.slow
def test_alerts_of_somebody_else_are_left_alone(deployed):
    other = {"name": "projects/p/alertPolicies/900", "notificationChannels": [], "conditions": []}
    channel = {"name": "projects/p/notificationChannels/901", "labels": {"email_address": "x@y.jp"}}
    deployed.update(
        lambda state: (state["policies"].insert(0, other), state["channels"].insert(0, channel))
    )

    assert deployed.deploy("--alert", "forbidden").returncode == 0
    assert deployed.run("undeploy", "--yes").returncode == 0

    assert deployed.state["policies"] == [other]
    assert deployed.state["channels"] == [channel]
    assert deployed.state["metrics"] == []


def test_without_an_address_there_are_none(cloud):
    assert cloud.deploy("--retention-days", "365").returncode == 0

    assert (cloud.state["policies"], cloud.state["channels"]) == ([], [])
    assert changes(cloud) == []


@pytest.mark.parametrize(
    "address", ["no-address", "a@b.jp,type=sms", "a b@c.jp", "a@b.jp'", "{x}@b.jp"]
)
def test_an_address_that_would_be_more_than_a_value_is_refused(cloud, address):
    done = cloud.deploy("--retention-days", "365", "--alert-email", address)

    assert done.returncode == 2
    assert "is not an address for alerts" in done.stderr
    assert cloud.calls() == []


def test_a_missing_component_is_said_before_anything_runs(cloud):
    cloud.gcloud("services", "enable", "run.googleapis.com")
    cloud.update(lambda state: state.update(components=["core"]))

    done = cloud.deploy("--retention-days", "365", "--alert-email", "ops@example.jp")

    assert done.returncode == 1
    assert "gcloud components install alpha beta" in done.stderr
    assert "databases" not in " ".join(word for call in cloud.calls() for word in call)

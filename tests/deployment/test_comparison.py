"""`doctor --deployment` says what differs from what `deploy` makes, and changes nothing."""

import shutil

import pytest

from tests.deployment.conftest import Cloud

DEPLOY = "python -m cmc_webhook deploy --project p"


@pytest.fixture(scope="module")
def from_nothing(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    done = cloud.deploy("--retention-days", "365", "--alert-email", "ops@example.jp", "--inbound")
    assert done.returncode == 0, done.stdout + done.stderr
    return cloud


@pytest.fixture
def deployed(from_nothing, cloud):
    """A project of its own for a test, with functions and alerts."""
    shutil.copy(from_nothing.folder / "state.json", cloud.folder)
    return cloud


def compare(cloud, *words):
    before = cloud.state
    done = cloud.run("doctor", "--deployment", *words)
    after = cloud.state
    for state in (before, after):  # the stand-in counts looks at what is built
        for index in [*state["indexes"], *state["ttls"].values()]:
            index.pop("looks")
    assert after == before
    return done


def test_all_is_right_after_a_deployment(deployed):
    done = compare(deployed)

    [line] = done.stdout.splitlines()
    count, _, total = line.split()[:3]
    assert count == total
    assert line.endswith("steps are as they should be; database cmc.")
    assert done.returncode == 0


def setting(state):
    state["functions"]["cmc-webhook"]["serviceConfig"]["environmentVariables"]["THREADS"] = "80"


def unknown_setting(state):
    environ = state["functions"]["cmc-inbound"]["serviceConfig"]["environmentVariables"]
    environ["CMC_RETENTION"] = "1"


def index(state):
    del state["indexes"][0]


def exemption(state):
    state["fields"].popitem()


def expiry(state):
    state["ttls"].popitem()


def role(state):
    state["policy"] = [each for each in state["policy"] if "datastore" not in each["role"]]


def alert(state):
    del state["policies"][0]


def channel(state):
    state["policies"][1]["notificationChannels"] = []


def every_alert(state):
    state["policies"], state["channels"] = [], []


def disabled_version(state):
    versions = state["secrets"]["cmc-api-keys"]["versions"]
    versions[0]["state"] = "DISABLED"
    versions.append({"state": "ENABLED", "content": "new"})


def other_version(state):
    versions = state["secrets"]["cmc-api-keys"]["versions"]
    versions.append({"state": "ENABLED", "content": "new"})
    function = state["functions"]["cmc-inbound"]["serviceConfig"]
    function["secretEnvironmentVariables"][0]["version"] = "2"


def closed(state):
    state["runs"]["cmc-webhook"]["policy"] = []


def said_of(cloud, *changes):
    for change in changes:
        cloud.update(change)
    done = compare(cloud)
    assert done.returncode == 1
    return done.stdout.splitlines()


def test_everything_that_differs_is_said_with_what_mends_it(deployed):
    changes = (setting, index, exemption, expiry, role, closed, alert, channel)

    lines = said_of(deployed, *changes)

    found = [
        next((line for line in lines if line.startswith(said)), said)
        for said in (
            "Different: function cmc-webhook: THREADS.",
            "Missing: 1 composite indexes",
            "Missing: 1 fields without an index",
            "Missing: expiry of old documents",
            "Missing: its role for this database",
            "Missing: anybody may call cmc-webhook",
            "Missing: alerts: refusals.",
            "Different: alerts: sender_auth: it mails to nobody.",
        )
    ]
    assert [line for line in found if not line.endswith(DEPLOY)] == []
    assert len(lines) == len(changes) + 1

    assert deployed.deploy().returncode == 0
    assert compare(deployed).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said", "mends"),
    [
        (unknown_setting, "cmc-inbound: CMC_RETENTION is not a setting", ""),
        (every_alert, "No alerts", f"{DEPLOY} --alert-email"),
        (
            disabled_version,
            "cmc-webhook reads version 1 of the secret cmc-api-keys, whose state is DISABLED",
            "gcloud secrets versions enable 1 --secret=cmc-api-keys --project=p",
        ),
        (other_version, "The functions read different", "cmc_webhook rotate-key --project p"),
    ],
)
def test_what_deploy_does_not_mend_is_said_too(deployed, change, said, mends):
    lines = said_of(deployed, change)

    assert any(line.startswith(said) and mends in line for line in lines), lines


@pytest.mark.slow
def test_what_may_not_be_seen_is_left_out(deployed):
    deployed.write("fail", "get-iam-policy|monitoring|versions list")

    done = compare(deployed)

    lines = [line for line in done.stdout.splitlines() if line.startswith("Not looked at")]
    assert any("roles/resourcemanager.projectIamAdmin" in line for line in lines)
    assert any("a key in cmc-api-keys" in line for line in lines)
    assert "No alerts" in done.stdout
    assert "Missing" not in done.stdout


def test_without_a_function_there_is_nothing_to_compare(cloud):
    cloud.gcloud("services", "enable", "run.googleapis.com")

    done = cloud.run("doctor", "--deployment")

    assert done.returncode == 1
    assert "deploy it first" in done.stderr


@pytest.mark.slow
def test_in_japanese(deployed):
    deployed.update(alert)

    done = compare(deployed, "--lang", "ja")

    assert "ありません: アラート:refusals。" in done.stdout

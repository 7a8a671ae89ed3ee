"""`deploy` on a stand-in for gcloud: from nothing, again, after a failure, and what it refuses."""

import itertools
import json
import re
import shutil

import pytest

from cmc_webhook.deployment.steps import LABELS, Wanted, table
from tests.deployment.conftest import Cloud
from tests.support.documents import ROOT
from tests.support.shell import run_in_gcloud

WANTED = Wanted(
    project="p",
    region="asia-northeast1",
    database="cmc",
    inbound=True,
    retention_days=365,
    alert_email="ops@example.jp",
)
STEPS = {step.name: step for step in table(WANTED)}
DAYS = ("--retention-days", "365")
ALL = (*DAYS, "--inbound", "--alert-email", "ops@example.jp")


@pytest.fixture(scope="module")
def from_nothing(tmp_path_factory):
    """A project on which both functions were deployed, what was printed, and the calls."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    done = cloud.deploy(*ALL)
    assert done.returncode == 0, done.stderr
    return cloud, done.stdout, cloud.calls()


@pytest.fixture
def deployed(from_nothing, cloud):
    """A project of its own for a test, with both functions."""
    shutil.copy(from_nothing[0].folder / "state.json", cloud.folder)
    return cloud


def refusal(done):
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    [line] = done.stderr.splitlines()
    return line


def changing(calls):
    """Return the calls that are no looks, as text."""
    looks = r"list|describe|get-iam-policy|access|read|version\b|print-access-token"
    return [" ".join(call) for call in calls if not re.search(looks, " ".join(call[:4]))]


def test_from_nothing(from_nothing):
    cloud, printed, _ = from_nothing
    state = cloud.state

    assert state["databases"].keys() == {"cmc"}
    assert state["functions"].keys() == {"cmc-webhook", "cmc-inbound"}
    for name, function in state["functions"].items():
        service = function["serviceConfig"]
        environ = service["environmentVariables"]
        assert environ["THREADS"] == str(service["maxInstanceRequestConcurrency"])
        assert (environ["CMC_DATABASE"], environ["CMC_RETENTION_DAYS"]) == ("cmc", "365")
        assert service["secretEnvironmentVariables"][0]["version"] == "1"
        assert function["labels"].items() >= LABELS.items()
        assert state["runs"][name]["policy"][0]["members"] == ["allUsers"]
    [role] = [each for each in state["policy"] if each["role"] == "roles/datastore.user"]
    assert role["condition"]["expression"] == 'resource.name=="projects/p/databases/cmc"'
    assert len(state["indexes"]) == len([step for step in table(WANTED) if step.name == "index"])
    assert re.fullmatch("[0-9a-f]{64}", state["secrets"]["cmc-api-keys"]["versions"][0]["content"])
    assert "Will be made:" in printed
    [channel] = state["channels"]
    assert [each["notificationChannels"] for each in state["policies"]] == [[channel["name"]]] * 4


def test_the_plan_names_every_kind_of_thing_within_40_lines(cloud):
    for language, made in (("en", "Will be made:"), ("ja", "作成するもの:")):
        done = cloud.run("deploy", *ALL, "--lang", language, stdin="n\n")

        plan = done.stdout.partition("\n\n")[0].splitlines()
        assert made in plan
        assert len(STEPS) + 4 <= len(plan) <= 40
        assert changing(cloud.calls()) == []


def test_a_second_run_has_nothing_to_do(deployed):
    before = deployed.state["changes"]

    done = deployed.deploy()

    assert done.stdout.endswith("Nothing to do.\n")
    assert deployed.state["changes"] == before


def test_a_key_is_never_printed_without_a_terminal(from_nothing):
    cloud, printed, calls = from_nothing
    [version] = cloud.state["secrets"]["cmc-api-keys"]["versions"]

    assert version["content"] not in printed
    assert version["content"] not in json.dumps(calls)
    access = "gcloud secrets versions access 1 --secret=cmc-api-keys --project=p"
    assert printed.count(access) == 2  # for the screen of each function
    assert "エンドポイントURL       https://cmc-webhook-x-an.a.run.app" in printed


@pytest.mark.slow
def test_each_step_fails_in_turn_and_the_same_command_goes_on(cloud):
    for step in STEPS.values():
        command = " ".join(itertools.takewhile(lambda word: "<" not in word, step.make))
        cloud.write("fail", re.escape(command))

        line = refusal(cloud.deploy(*ALL))

        made = changing(cloud.calls())
        assert made[-1].startswith(command), step.name
        assert "Google said: ERROR: (gcloud." in line, step.name
        assert step.role in line, step.name
        assert line.endswith("Then give the same command again: it goes on from here.")
    cloud.write("fail", "")
    assert cloud.deploy(*ALL).returncode == 0
    assert cloud.deploy().stdout.endswith("Nothing to do.\n")


@pytest.mark.slow
def test_what_exists_is_used(cloud):
    by_hand = ("database", "account", "build_account", "secret", "bucket", "exemption", "index")
    cloud.gcloud(*STEPS["apis"].make)
    for name in by_hand:
        cloud.gcloud(*STEPS[name].make)
    cloud.calls()

    done = cloud.deploy(*ALL)

    assert done.returncode == 0, done.stderr
    made = changing(cloud.calls())
    for name in by_hand:
        assert f"{' '.join(STEPS[name].make)} --project=p" not in made


def test_a_role_for_every_database_is_left_and_that_for_this_one_added(deployed):
    def widen(state):
        for binding in state["policy"]:
            binding.pop("condition", None)

    deployed.update(widen)

    assert deployed.deploy().returncode == 0

    roles = [each for each in deployed.state["policy"] if each["role"] == "roles/datastore.user"]
    assert ["condition" in each for each in roles] == [False, True]


def test_a_project_whose_default_database_is_in_datastore_mode(cloud):
    cloud.gcloud(*STEPS["apis"].make)
    cloud.update(lambda state: state["databases"].update({"(default)": {"type": "DATASTORE_MODE"}}))
    days = ("--retention-days", "30")

    line = refusal(cloud.deploy(*days, "--database", "(default)"))
    plan = cloud.run("deploy", *days, stdin="n\n").stdout

    assert "(default): it is in Datastore mode. This cannot be changed" in line
    assert "Firestore database cmc" in plan.partition("Will be made:")[2]
    assert cloud.state["databases"].keys() == {"(default)"}


def test_the_default_database_is_taken_only_where_it_was_typed(deployed):
    def move(state):
        state["databases"]["(default)"] = {"type": "FIRESTORE_NATIVE"}
        for function in state["functions"].values():
            function["serviceConfig"]["environmentVariables"]["CMC_DATABASE"] = "(default)"

    deployed.update(move)
    before = deployed.state["changes"]

    assert "type --database='(default)'" in refusal(deployed.deploy())
    typed = deployed.run("deploy", "--database", "(default)", stdin="n\n").stdout
    assert "The Security Rules of (default) were not looked at" in typed
    assert deployed.state["changes"] == before


@pytest.mark.slow
def test_what_is_deployed_stays_unless_something_else_is_typed(deployed):
    def alter(state):
        service = state["functions"]["cmc-webhook"]["serviceConfig"]
        service["environmentVariables"]["CMC_TIME_ZONE"] = "UTC"
        service["maxInstanceCount"] = 10
        service["environmentVariables"]["CMC_LOG_UNSTORED"] = "true"

    deployed.update(alter)
    deployed.update(
        lambda state: state["functions"]["cmc-inbound"]["serviceConfig"].update(maxInstanceCount=10)
    )
    assert deployed.deploy().stdout.endswith("Nothing to do.\n")

    done = deployed.deploy("--retention-days", "0", "--mails-per-month", "30000000")

    assert "function cmc-webhook, cmc-inbound: CMC_RETENTION_DAYS, max-instances" in done.stdout
    service = deployed.state["functions"]["cmc-webhook"]["serviceConfig"]
    assert service["maxInstanceCount"] == 62
    assert service["environmentVariables"].items() >= {
        "CMC_TIME_ZONE": "UTC", "CMC_LOG_UNSTORED": "true", "CMC_RETENTION_DAYS": "",
    }.items()  # fmt: skip


def test_an_older_deployment_is_told_what_it_needs(deployed):
    def age(state):
        state["functions"]["cmc-webhook"]["labels"] = {"cmc-webhook-version": "0-1-0"}
        state["indexes"] = state["indexes"][:-1]

    deployed.update(age)
    deployed.calls()

    done = deployed.deploy()

    assert "The deployed code is version 0.1.0" in done.stdout
    assert "Only the filters whose index is missing fail" in done.stdout
    assert "rebuild --project p --database 'cmc' --store" in done.stdout
    assert "function cmc-webhook: code, version" in done.stdout
    made = changing(deployed.calls())
    assert [call.split()[:3] for call in made] == [
        ["firestore", "indexes", "composite"], ["functions", "deploy", "cmc-webhook"],
    ]  # fmt: skip


@pytest.mark.slow
def test_an_upgrade_keeps_the_version_of_the_secret_that_is_in_service(deployed):
    deployed.update(lambda s: s["functions"]["cmc-webhook"]["labels"].clear())
    versions = deployed.state["secrets"]["cmc-api-keys"]["versions"]
    newer = {"state": "ENABLED", "content": "another"}
    deployed.update(lambda s: s["secrets"]["cmc-api-keys"].update(versions=[*versions, newer]))

    assert deployed.deploy().returncode == 0

    service = deployed.state["functions"]["cmc-webhook"]["serviceConfig"]
    assert service["secretEnvironmentVariables"][0]["version"] == "1"


def test_roles_that_were_not_seen_are_a_letter_to_an_administrator(deployed):
    deployed.update(lambda state: state["runs"]["cmc-webhook"].update(policy=[]))
    done = deployed.run("deploy", stdin="n\n")
    assert "A group or a folder may grant them" in done.stdout
    assert (
        "Please give me@example.jp these roles on the project p:\n  roles/run.admin\n"
        in done.stdout
    )

    for role in ("roles/owner", "roles/run.admin"):
        binding = {"role": role, "members": ["user:me@example.jp"]}
        deployed.update(lambda state, binding=binding: state["policy"].append(binding))
        assert "Please give" not in deployed.run("deploy", stdin="n\n").stdout
        deployed.update(lambda state: state["policy"].pop())


def test_what_may_not_be_looked_at_stops_it(deployed):
    deployed.write("fail", "secrets list")

    line = refusal(deployed.deploy())

    assert line.startswith("Error: secret cmc-api-keys: Google does not let this account look.")
    assert "roles/secretmanager.admin" in line


@pytest.mark.slow
def test_where_all_users_are_forbidden_the_check_is_switched_off(cloud):
    cloud.write("fail", "--member=allUsers")
    line = refusal(cloud.deploy("--retention-days", "30"))
    assert "add --no-invoker-iam-check" in line

    assert cloud.deploy("--no-invoker-iam-check").returncode == 0
    # It is found again without the option, and put back after a redeploy, which may take it away.
    assert cloud.deploy().stdout.endswith("Nothing to do.\n")
    cloud.update(lambda state: state["functions"]["cmc-webhook"]["labels"].clear())
    assert cloud.deploy().returncode == 0
    assert cloud.state["runs"]["cmc-webhook"]["annotations"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--region", "asia-northeast9", *ALL), "did you mean asia-northeast"),
        ((), "Say how long mails are kept: --retention-days 365"),
        (("--database", "x", *ALL), "is not a valid Firestore database id"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(cloud, options, sentence):
    done = cloud.deploy(*options)

    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert changing(cloud.calls()) == []


def test_a_gcloud_that_cannot_be_used(cloud):
    cloud.gcloud("version")
    cloud.update(lambda state: state.update(account=""))
    assert "gcloud auth login" in refusal(cloud.deploy(*ALL))

    cloud.environ["PATH"] = "/nowhere"
    assert "https://cloud.google.com/sdk/docs/install" in refusal(cloud.deploy(*ALL))


def test_an_alert_that_somebody_changed_is_changed_back(deployed):
    def switch_off(state):
        state["policies"][0]["enabled"] = False
        state["channels"][0]["labels"]["email_address"] = "other@example.jp"

    deployed.update(switch_off)

    done = deployed.deploy("--alert-email", "ops@example.jp")

    assert "alerts: refusals: it is switched off" in done.stdout
    assert deployed.state["policies"][0]["enabled"] is True
    assert len(deployed.state["policies"]) == 4
    assert deployed.state["channels"][0]["labels"]["email_address"] == "ops@example.jp"


def test_the_shapes_of_the_answers_are_those_of_googles_messages(deployed):
    """Read by gcloud's own classes, which know every documented field."""
    kinds = {
        "firestore v1 GoogleFirestoreAdminV1Database": "firestore databases list",
        "firestore v1 GoogleFirestoreAdminV1Index": "firestore indexes composite list",
        "firestore v1 GoogleFirestoreAdminV1Field": "firestore fields ttls list",
        "iam v1 ServiceAccount": "iam service-accounts list",
        "cloudresourcemanager v1 Policy": "projects get-iam-policy p",
        "secretmanager v1 Secret": "secrets list",
        "secretmanager v1 SecretVersion": "secrets versions list cmc-api-keys",
        "storage v1 Bucket": "storage buckets list --raw",
        "cloudfunctions v2 Function": "functions list",
        "run v1 Service": "run services list",
        "monitoring v3 NotificationChannel": "beta monitoring channels list",
        "monitoring v3 AlertPolicy": "alpha monitoring policies list",
        "serviceusage v1 GoogleApiServiceusageV1Service": "services list --enabled",
    }
    answers = []
    for kind, words in kinds.items():
        answer = json.loads(deployed.gcloud(*words.split(), "--database=cmc", "--format=json"))
        items = answer if isinstance(answer, list) else [answer]
        answers += [[*kind.split(), item] for item in items]

    assert len(answers) > 30
    messages = (ROOT / "tests/support/gcloud_messages.py").read_text()
    assert run_in_gcloud(messages, answers) == ""

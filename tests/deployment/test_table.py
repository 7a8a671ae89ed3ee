"""The table of steps: its commands for the real gcloud, its checks on odd answers, its sources."""

import json
import re
import shutil
import subprocess

import pathspec
import pytest

from cmc_webhook.deployment import steps
from cmc_webhook.deployment.checks import BUILDING
from cmc_webhook.deployment.script import script
from cmc_webhook.deployment.steps import Wanted, table
from cmc_webhook.settings import DEFAULTS
from tests.support.documents import ROOT
from tests.support.shell import check_gcloud

WANTED = Wanted(
    project="p", region="asia-northeast1", database="cmc", inbound=True, retention_days=365
)
CLOSED = Wanted(project="p", region="us-central1", database="(default)", allows_all_users=False)
TABLE = table(WANTED)


def commands(step):
    """Return every command of *step*, with something for what is filled in when it runs."""
    every = [step.look, step.make, step.change or (), step.exists, step.undo]
    every += [words for alternatives in step.values.values() for words in alternatives]
    return [[re.sub("<[A-Z]+>", "5", word) for word in words] for words in every if words]


def test_gcloud_takes_every_command_of_the_table():
    found = [
        ["gcloud", *words, "--project=p", *(["--format=json"] if words == [*step.look] else [])]
        for wanted in (WANTED, CLOSED)
        for step in table(wanted)
        for words in commands(step)
    ]

    assert len(found) > 150
    check_gcloud(found)


def test_a_step_comes_after_the_one_that_its_look_needs():
    for wanted in (WANTED, CLOSED):
        seen = set()
        for step in table(wanted):
            assert not step.after or step.after in seen
            seen.add(f"{step.name} {step.subject}")


def test_the_settings_of_the_functions_exist():
    for step in TABLE:
        if step.name == "function":
            options = dict(word.split("=", 1) for word in step.make if "=" in word)
            environ = dict(pair.split("=") for pair in options["--update-env-vars"].split(","))
            assert set(environ) <= {*DEFAULTS, "GOOGLE_CLOUD_PROJECT", "THREADS"}
            assert environ["THREADS"] == options["--concurrency"]
            assert {"--memory", "--cpu"} <= set(options)


def test_no_command_changes_the_configuration_of_gcloud_or_destroys():
    every = " ".join(" ".join(words) for step in TABLE for words in commands(step))

    assert not re.search(r"^config | config set|\bdestroy\b|--quiet", every)


def test_the_digest_is_of_what_is_uploaded(monkeypatch):
    read = []
    original = steps.Path.read_bytes
    monkeypatch.setattr(steps.Path, "read_bytes", lambda self: read.append(self) or original(self))
    steps.code_digest()
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".gcloudignore").read_text().splitlines())

    uploaded = {name for name in listed.stdout.split() if not ignored.match_file(name)}

    assert {str(path.relative_to(ROOT)) for path in read} == uploaded


# What Google's references say that each look answers, of a thing that is all right.
INDEX = {"name": "projects/p/databases/cmc/collectionGroups/mail_statuses/indexes/i",
         "queryScope": "COLLECTION", "state": "READY",
         "fields": [{"fieldPath": "status", "order": "ASCENDING"},
                    {"fieldPath": "status_at", "order": "DESCENDING"},
                    {"fieldPath": "__name__", "order": "DESCENDING"}]}  # fmt: skip
FIELD = "projects/p/databases/cmc/collectionGroups/mail_statuses/fields"
ANSWERS = {
    "database": [{"name": "projects/p/databases/cmc", "type": "FIRESTORE_NATIVE"}],
    "expiry": [{"name": f"{FIELD}/expires_at", "ttlConfig": {"state": "ACTIVE"}}],
    "exemption": [{"name": f"{FIELD}/bounce_code", "indexConfig": {"indexes": []}}],
    "index": [INDEX],
    "account": [{"email": "cmc-webhook@p.iam.gserviceaccount.com"}],
    "key": [{"name": "projects/1/secrets/cmc-api-keys/versions/1", "state": "ENABLED"}],
    "bucket_expiry": [{"name": "p-inbound-mails", "lifecycle": {"rule": [
        {"action": {"type": "Delete"}, "condition": {"age": 366}}]}}],
    "public": {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]},
    "function": [{
        "name": "projects/p/locations/asia-northeast1/functions/cmc-webhook", "state": "ACTIVE",
        "labels": {**steps.LABELS},
        "buildConfig": {"runtime": "python313", "entryPoint": "cmc_webhook"},
        "serviceConfig": {
            "serviceAccountEmail": "cmc-webhook@p.iam.gserviceaccount.com", "timeoutSeconds": 30,
            "availableMemory": "1024Mi", "maxInstanceRequestConcurrency": 8, "maxInstanceCount": 3,
            "environmentVariables": {"GOOGLE_CLOUD_PROJECT": "p", "CMC_DATABASE": "cmc",
                                     "CMC_RETENTION_DAYS": "365", "THREADS": "8",
                                     "CMC_TIME_ZONE": "Asia/Tokyo"},
            "secretEnvironmentVariables": [{"key": "CMC_API_KEYS", "secret": "cmc-api-keys"}]}}],
}  # fmt: skip


def first(name):
    return next(step for step in TABLE if step.name == name and "api_data" not in step.subject)


def step_of(name):
    """Return the step that the answer above is about."""
    if name == "index":
        return next(step for step in TABLE if step.subject == "mail_statuses.status, status_at")
    return first(name)


def without_one(item):
    """Yield copies of *item*, from each of which another part is missing."""
    if isinstance(item, dict):
        for key in item:
            yield {name: value for name, value in item.items() if name != key}
            yield from ({**item, key: part} for part in without_one(item[key]))
    elif isinstance(item, list):
        for number, part in enumerate(item):
            yield item[:number] + item[number + 1 :]
            yield from ([*item[:number], other, *item[number + 1 :]] for other in without_one(part))


@pytest.mark.parametrize("name", ANSWERS)
def test_a_check_takes_what_is_right_and_stands_any_missing_part(name):
    step = step_of(name)

    assert not step.differs(ANSWERS[name])
    assert step.differs(ANSWERS[name]) is not None
    for answer in without_one(ANSWERS[name]):
        step.differs(answer)
    assert step.differs({} if name == "public" else []) is None


@pytest.mark.parametrize(
    ("name", "path", "value", "difference"),
    [
        ("database", ("type",), "DATASTORE_MODE", ["DATASTORE_MODE"]),
        ("expiry", ("ttlConfig", "state"), "CREATING", [*BUILDING]),
        ("expiry", ("ttlConfig", "state"), "NEEDS_REPAIR", ["NEEDS_REPAIR"]),
        ("exemption", ("indexConfig", "indexes"), [{}], ["indexes"]),
        ("index", ("state",), "CREATING", [*BUILDING]),
        ("function", ("state",), "DEPLOYING", [*BUILDING]),
        ("function", ("state",), "FAILED", ["FAILED"]),
        ("function", ("serviceConfig", "maxInstanceCount"), 10, ["max-instances"]),
        ("function", ("serviceConfig", "availableMemory"), "512Mi", ["memory"]),
        ("function", ("labels", "cmc-webhook-code"), "x", ["cmc-webhook-code"]),
        ("function", ("serviceConfig", "environmentVariables", "THREADS"), "1", ["THREADS"]),
        ("function", ("serviceConfig", "secretEnvironmentVariables"), [], ["CMC_API_KEYS"]),
    ],
)
def test_a_check_says_what_differs(name, path, value, difference):
    answer = json.loads(json.dumps(ANSWERS[name]))
    item = answer[0]
    for key in path[:-1]:
        item = item[key]
    item[path[-1]] = value

    assert list(step_of(name).differs(answer)) == difference


# The script


def lines(wanted=WANTED):
    return "\n".join(script(table(wanted), wanted)) + "\n"


@pytest.mark.parametrize("wanted", [WANTED, CLOSED])
def test_bash_and_shellcheck_take_the_script(wanted, tmp_path):
    (tmp_path / "deploy.sh").write_text(lines(wanted))

    for program in (["bash", "-n"], ["shellcheck"]):
        if shutil.which(program[0]):
            done = subprocess.run(
                [*program, tmp_path / "deploy.sh"], capture_output=True, text=True
            )
            assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


PASSING = {"changes", "numbers", "looks", "updateTime", "revision", "content"}


def plain(value):
    """Return *value* of a state without keys, times, numbers, and what looks change."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in PASSING}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return re.sub(r"/indexes/i\d+$", "", value) if isinstance(value, str) else value


@pytest.mark.slow
def test_the_script_makes_what_deploy_makes(cloud, tmp_path_factory):
    other = type(cloud)(tmp_path_factory.mktemp("other"))
    assert other.deploy("--retention-days", "365", "--inbound").returncode == 0
    printed = cloud.run("deploy", "--retention-days", "365", "--inbound", "--script").stdout
    assert not (cloud.folder / "calls").exists()

    for _ in range(2):  # it may be run again
        done = subprocess.run(
            ["bash"], input=printed, env=cloud.environ, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    assert plain(cloud.state) == plain(other.state)
    [version] = cloud.state["secrets"]["cmc-api-keys"]["versions"]
    assert version["content"].strip() not in done.stdout + done.stderr + printed
    assert cloud.deploy().stdout.endswith("Nothing to do.\n")


@pytest.mark.slow
def test_the_script_stops_at_the_first_failure(cloud):
    cloud.write("fail", "service-accounts create cmc-webhook ")

    done = subprocess.run(
        ["bash"], input=lines(), env=cloud.environ, cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode != 0
    assert cloud.calls()[-1][:3] == ["iam", "service-accounts", "create"]

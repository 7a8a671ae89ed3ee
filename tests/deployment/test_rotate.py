"""`rotate-key`: killed after every change, CMC's key is never refused."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from tests.deployment.conftest import Cloud

OLD = "a" * 64
DEPLOYED = ("--retention-days", "30")
ROTATE = ("rotate-key", "--yes", "--quiet-hours", "0")


def prepare(cloud, functions=("cmc-webhook", "cmc-inbound")):
    """Deploy by hand-made state, and let CMC post to *functions* with the old key."""
    inbound = ("--inbound",) if "cmc-inbound" in functions else ()
    assert cloud.deploy(*DEPLOYED, *inbound).returncode == 0

    def enter(state):
        [version] = state["secrets"]["cmc-api-keys"]["versions"]
        version["content"] = OLD
        state["cmc"] = dict.fromkeys(functions, OLD)
        state["changes"] = 0

    cloud.update(enter)
    cloud.calls()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    prepare(cloud)
    return (cloud.folder / "state.json").read_text()


@pytest.fixture
def rotating(prepared, cloud):
    cloud.write("state.json", prepared)
    return cloud


def check_rotated(cloud):
    """The new key alone is accepted, and CMC has it; nothing was refused or destroyed."""
    state = cloud.state
    secret = state["secrets"]["cmc-api-keys"]
    *retired, newest = secret["versions"]
    assert [version["state"] for version in retired] == ["DISABLED"] * len(retired)
    [key] = newest["content"].splitlines()
    assert newest["state"] == "ENABLED"
    assert key != OLD
    assert set(state["cmc"].values()) == {key}
    assert secret["annotations"] == {}
    for function in state["functions"].values():
        [read] = function["serviceConfig"]["secretEnvironmentVariables"]
        assert read["version"] == str(len(secret["versions"]))
    assert not (cloud.folder / "refused").exists()


def test_a_rotation(rotating):
    done = rotating.run(*ROTATE)

    assert done.returncode == 0, done.stderr
    check_rotated(rotating)
    calls = rotating.calls()
    keys = [v["content"].split() for v in rotating.state["secrets"]["cmc-api-keys"]["versions"]]
    assert keys == [[OLD], [keys[2][0], OLD], keys[2]]
    assert "cmc-webhook: the last accepted key was an old one." in done.stdout
    assert keys[2][0] not in done.stdout + done.stderr + json.dumps(calls)
    assert (
        "gcloud secrets versions access 2 --secret=cmc-api-keys --project=p | head -n 1"
        in done.stdout
    )
    assert "destroy" not in json.dumps(calls)


def changes_of_a_rotation():
    """Note and new version; two functions; the key alone; two functions; two disabled; note."""
    return range(1, 1 + 2 + 2 + 1 + 2 + 2 + 1)


# After the last change it is over, and the next call begins another.
@pytest.mark.slow
@pytest.mark.parametrize("number", changes_of_a_rotation()[:-1])
def test_a_rotation_that_is_killed_goes_on(rotating, number):
    """What is killed before a change has left the same as after the change before it."""
    rotating.write("kill", str(number))

    killed = rotating.start(*ROTATE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    killed.communicate(timeout=300)
    done = rotating.run(*ROTATE)

    assert killed.returncode == -signal.SIGKILL
    assert done.returncode == 0, done.stderr
    check_rotated(rotating)
    assert len(rotating.state["secrets"]["cmc-api-keys"]["versions"]) == 3


@pytest.mark.slow
def test_the_kills_above_are_all_changes(rotating):
    rotating.run(*ROTATE)

    assert rotating.state["changes"] == len(changes_of_a_rotation())


def test_the_old_keys_stay_while_one_comes(rotating):
    """A second webhook still posts with the old key: CMC's person has forgotten it."""
    rotating.update(lambda state: state.update(posts=-1_000_000))
    with rotating.start(*ROTATE, stdout=subprocess.PIPE, text=True) as watching:
        line = next(line for line in watching.stdout if "old one." in line)
        while rotating.state["posts"] < -1_000_000 + 20:
            assert watching.poll() is None
            time.sleep(0.1)
        watching.kill()

    assert line == "cmc-webhook: the last accepted key was an old one.\n"
    assert len(rotating.state["secrets"]["cmc-api-keys"]["versions"]) == 2
    rotating.update(lambda state: state.update(posts=1000))
    assert rotating.run(*ROTATE).returncode == 0
    check_rotated(rotating)


@pytest.mark.slow
def test_a_function_that_gets_no_posts_is_asked_about(rotating):
    rotating.update(lambda state: state["cmc"].pop("cmc-inbound"))

    done = rotating.run(*ROTATE)

    assert done.returncode == 1
    assert "cmc-inbound: no post with a key came" in done.stderr
    assert len(rotating.state["secrets"]["cmc-api-keys"]["versions"]) == 2


def test_an_old_key_must_be_silent_for_a_day(rotating):
    with rotating.start("rotate-key", "--yes", stdout=subprocess.PIPE, text=True) as watching:
        assert any("less than 24 h since" in line for line in watching.stdout)
        watching.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 3])
def test_a_version_that_somebody_else_made_is_refused(rotating, number):
    """Moving the functions to it would lock CMC out."""
    if number == 2:
        note = "--update-annotations=cmc-webhook-rotation=1"
        rotating.gcloud("secrets", "update", "cmc-api-keys", note)
    else:
        rotating.write("kill", "4")  # after both functions were moved
        rotating.start(*ROTATE, stdout=subprocess.DEVNULL).wait(timeout=300)
    foreign = {"state": "ENABLED", "content": "foreign"}
    rotating.update(lambda state: state["secrets"]["cmc-api-keys"]["versions"].append(foreign))

    done = rotating.run(*ROTATE)

    assert f"Version {number} of the secret is not of this rotation" in done.stderr
    assert not (rotating.folder / "refused").exists()


@pytest.mark.slow
def test_several_old_keys_are_all_replaced(rotating):
    def add(state):
        state["secrets"]["cmc-api-keys"]["versions"][0]["content"] = f"other key\r\n{OLD}\n"

    rotating.update(add)

    assert rotating.run(*ROTATE).returncode == 0
    check_rotated(rotating)


@pytest.mark.slow
def test_an_older_revision_in_service_stops_it(rotating):
    """It reads an older version of the secret than the function says: CMC may have that key."""

    def roll_back(state):
        state["functions"]["cmc-inbound"]["serviceConfig"]["allTrafficOnLatestRevision"] = False

    rotating.update(roll_back)
    before = rotating.state["changes"]

    done = rotating.run(*ROTATE)

    assert "update-traffic cmc-inbound --to-latest" in done.stderr
    assert rotating.state["changes"] == before


@pytest.mark.slow
def test_another_code_is_asked_about(rotating):
    rotating.update(lambda state: state["functions"]["cmc-webhook"]["labels"].clear())

    done = rotating.run("rotate-key", "--quiet-hours", "0", stdin="y\nn\n")

    assert done.returncode == 1
    assert "cmc-webhook: the deployed code is not that of this checkout" in done.stderr
    assert not any(call[:2] == ["functions", "deploy"] for call in rotating.calls())


def on_a_terminal(cloud, *words):
    """Return what a command prints on a terminal."""
    terminal, inner = pty.openpty()
    process = cloud.start(*words, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    printed = b""
    while select.select([terminal], [], [], 300)[0]:
        try:
            printed += os.read(terminal, 65536)
        except OSError:  # Linux: the other end is closed
            break
    os.close(terminal)
    assert process.wait(timeout=300) == 0, printed.decode()
    return printed.decode()


def test_a_terminal_shows_the_new_key_once(rotating):
    printed = on_a_terminal(rotating, *ROTATE)

    [key] = rotating.state["secrets"]["cmc-api-keys"]["versions"][-1]["content"].split()
    assert printed.count(key) == 1
    assert OLD not in printed


def test_a_terminal_shows_the_first_key_once_for_the_screen_of_cmc(cloud):
    printed = on_a_terminal(cloud, "deploy", "--yes", *DEPLOYED)

    [version] = cloud.state["secrets"]["cmc-api-keys"]["versions"]
    assert printed.count(version["content"]) == 1
    screen = printed.partition("「イベント」")[2]
    assert re.search(rf"API key, Bearer header +{version['content']}", screen)

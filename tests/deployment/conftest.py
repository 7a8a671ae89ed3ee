"""A project of Google Cloud in a folder, and the commands run on it."""

import json
import os
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from cmc_webhook.command_line.main import main
from tests.support.documents import ROOT

# Imported rather than run, so that Python compiles it once.
STAND_IN = f"""#!{sys.executable} -IS
import sys
sys.path.insert(0, {str(ROOT / "tests/support")!r})
import gcloud_stand_in
gcloud_stand_in.main()
"""
# The commands as they are, but for the pauses between two looks.
MAIN = """
import time
time.sleep = lambda seconds: None
from cmc_webhook.command_line.main import main
main(prog_name="python -m cmc_webhook")
"""


class Cloud:
    """The project `p` behind the stand-in for gcloud."""

    def __init__(self, folder):
        self.folder = folder
        self.project = "p"
        programs = folder / "bin"
        programs.mkdir()
        (programs / "gcloud").write_text(STAND_IN)
        (programs / "gcloud").chmod(0o755)
        self.environ = {
            **os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "GCLOUD_STATE": str(folder),
            "LC_ALL": "C.UTF-8", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        }  # fmt: skip

    def gcloud(self, *words):
        """Call the stand-in itself, as somebody would by hand."""
        done = subprocess.run(
            ["gcloud", *words, f"--project={self.project}"],
            env=self.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *words, stdin=""):
        """Run one of our commands, without a terminal and without pauses between looks."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "sleep", lambda seconds: None)
            result = CliRunner(env=self.environ).invoke(
                main, [*words, "--project", self.project], stdin
            )
        return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)

    def start(self, *words, **streams):
        """Start one of our commands as a process of its own."""
        command = [sys.executable, "-c", MAIN, *words, "--project", self.project]
        return subprocess.Popen(command, env=self.environ, cwd=ROOT, **streams)

    def deploy(self, *words):
        return self.run("deploy", "--yes", *words)

    @property
    def state(self):
        return json.loads((self.folder / "state.json").read_text())

    def update(self, change):
        """Let *change* alter the state."""
        state = self.state
        change(state)
        (self.folder / "state.json").write_text(json.dumps(state))

    def write(self, name, content):
        (self.folder / name).write_text(content)

    def calls(self):
        """Return the calls so far, and forget them."""
        path = self.folder / "calls"
        found = (
            [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        )
        path.write_text("")
        return found


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path)

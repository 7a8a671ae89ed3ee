"""What .github/CONTRIBUTING.md and its neighbours say of files and names is true."""

import re
from pathlib import Path

import pytest

from cmc_webhook import __version__
from cmc_webhook.status.events import BOUNCE_CODES
from tests.support.processes import ROOT

GITHUB = ROOT / ".github"
CONTRIBUTING = (GITHUB / "CONTRIBUTING.md").read_text()
RECIPES = dict(
    re.findall(r"^### (.*)\n\n((?:.|\n)*?)(?=^##)", CONTRIBUTING, re.M)
)  # a heading, and what follows it
TOP = ("cmc_webhook/", "tests/", ".github/", ".ci/", "main.py", "requirements.txt")


def paths_in(text):
    return [code for code in re.findall("`([^`\n]+)`", text) if code.startswith(TOP)]


def steps(recipe):
    """Return the steps of a recipe, each in one line."""
    return [" ".join(step.split()) for step in re.findall(r"^\d\. (.*(?:\n {3}.*)*)", recipe, re.M)]


def is_written(name, text):
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def test_there_are_the_promised_recipes():
    assert len(RECIPES) == 12
    assert all(len(steps(recipe)) >= 3 for recipe in RECIPES.values())


@pytest.mark.parametrize("document", sorted(GITHUB.glob("*.md")), ids=lambda path: path.stem)
def test_every_path_exists(document):
    for path in paths_in(document.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_names_of_a_step_are_in_its_file(recipe):
    """The code words of the first sentence of a step, up to the next file."""
    for step in steps(RECIPES[recipe]):
        path = ROOT / (paths_in(step) or [""])[0]
        if not path.is_file():
            continue
        about = re.split(r"\. [A-Z`]", step)[0].partition("`: ")[2]
        names = re.findall("`([^`]+)`", about)
        text = path.read_text()
        for name in names:
            if name not in paths_in(step):
                assert is_written(name, text), f"{path.name}: {name}"


def test_the_codes_are_those_of_the_code():
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| (\w+):", (GITHUB / "CMC.md").read_text(), re.M)

    assert rows == [(code, bounce_class) for code, (_, bounce_class) in BOUNCE_CODES.items()]


def test_the_change_log_begins_with_this_version():
    versions = re.findall(r"^## (.*)$", (GITHUB / "CHANGELOG.md").read_text(), re.M)

    assert versions[0] == __version__


def test_the_workflow_may_only_read_and_runs_pinned_actions():
    text = (GITHUB / "workflows" / "ci.yml").read_text()
    jobs = text.partition("\njobs:\n")[2]

    assert "\npermissions:\n  contents: read\n\n" in text
    assert "permissions" not in jobs
    assert len(re.findall(r"^    timeout-minutes: \d+$", jobs, re.M)) == len(
        re.findall(r"^  \w+:$", jobs, re.M)
    )
    actions = re.findall(r"uses: (.*)", jobs)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action)


def test_dependabot_looks_at_every_file_of_packages():
    text = (GITHUB / "dependabot.yml").read_text()
    folders = re.findall(r"package-ecosystem: pip\n +directory: (.*)", text)

    found = {path.parent.relative_to(ROOT) for path in ROOT.glob("*/requirements.txt")}
    assert {Path(folder.strip("/") or ".") for folder in folders} == {Path("."), *found}

"""Who may import whom, what is uploaded, and where a secret is compared."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pathspec
import pytest

from tests.support import oracle

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cmc_webhook"

FUNCTIONS = ("status", "inbound")
# The modules that may do I/O; every other deployed module is pure.
WITH_IO = {
    *("main", "answers", "database", "logs", "dead_letters", "writer"),
    *("status.store", "status.cache", "status.webhook", "inbound.bucket", "inbound.webhook"),
}
IO_MODULES = {"os", "sys", "socket", "time", "threading", "random", "subprocess", "flask", "grpc"}


def imported(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own(names):
    """Return the modules and packages of ours in *names*."""
    return {name.removeprefix("cmc_webhook.") for name in names if name.startswith("cmc_webhook.")}


def folder(module):
    """Return the folder in which the module of this dotted name is, empty for none."""
    first = module.split(".")[0]
    return first if (PACKAGE / first).is_dir() else ""


def deployed():
    """Return the path of each deployed module, by its dotted name."""
    files = [path for path in PACKAGE.glob("*.py") if path.stem != "__main__"]
    files += [path for name in FUNCTIONS for path in (PACKAGE / name).glob("*.py")]
    named = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in files}
    return {"main": ROOT / "main.py"} | {
        name: path for name, path in named.items() if path.stem != "__init__"
    }


def folders_imported(path):
    return {folder(name) for name in own(imported(path))} - {""}


def test_the_shared_files_import_no_folder():
    shared = {name: path for name, path in deployed().items() if "." not in name and name != "main"}

    for name, path in shared.items():
        assert folders_imported(path) == set(), name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_shared_files_and_itself(function):
    for path in (PACKAGE / function).glob("*.py"):
        assert folders_imported(path) <= {function}, path


def test_nothing_that_is_deployed_imports_a_tool():
    for name, path in deployed().items():
        assert folders_imported(path) <= set(FUNCTIONS), name


def test_no_two_deployed_modules_or_public_classes_share_a_name_but_twins():
    """A twin does the same for the other function."""
    modules = Counter(name.rpartition(".")[2] for name in deployed())
    assert {name for name, count in modules.items() if count > 1} == {"document", "webhook"}

    classes = Counter(
        node.name
        for path in deployed().values()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in classes.items() if count > 1} == set()


def test_tools_import_each_other_in_one_direction():
    tools = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name not in FUNCTIONS]
    imports = {
        tool.name: set().union(*(folders_imported(path) for path in tool.glob("*.py")))
        - {tool.name, *FUNCTIONS}
        for tool in tools
        if (tool / "__init__.py").exists()
    }

    assert "command_line" not in imports["console"]
    tuple(TopologicalSorter(imports).static_order())  # raises CycleError


def test_the_oracle_imports_nothing_of_ours():
    assert own(imported(Path(oracle.__file__))) == set()


def test_pure_modules_import_no_io():
    assert deployed().keys() >= WITH_IO
    for name in deployed().keys() - WITH_IO:
        roots = {imported_name.split(".")[0] for imported_name in imported(deployed()[name])}
        assert not roots & IO_MODULES, name


TOOLS = [p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name not in FUNCTIONS]
FOREIGN = [*(f"cmc_webhook.{tool}" for tool in TOOLS), "sqlite3", "tests", "gcp_storage_emulator"]


@pytest.mark.parametrize(
    ("target", "foreign"),
    [
        ("cmc_webhook", [*FOREIGN, "cmc_webhook.inbound", "google.cloud.storage"]),
        ("cmc_inbound", [*FOREIGN, "cmc_webhook.status"]),
    ],
)
def test_a_function_loads_nothing_of_the_other_nor_of_the_tools(target, foreign):
    script = (
        "import sys, functions_framework; functions_framework.create_app(sys.argv[1], 'main.py');"
        " print([m for m in sys.modules if m.startswith(tuple(sys.argv[2:]))])"
    )
    environ = {
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
        "CMC_ALLOW_UNAUTHENTICATED": "true",
        "CMC_ATTACHMENT_BUCKET": "bucket",
    }
    done = subprocess.run(
        [sys.executable, "-c", script, target, *foreign],
        cwd=ROOT, env=environ, capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout == "[]\n", done.stderr


def test_only_the_function_is_uploaded():
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    planted = [
        *("cmc_webhook/key.json", "cmc_webhook/new/module.py", "cmc_webhook/__pycache__/a.pyc"),
        *("key.json", ".env", "tests/test_new.py", "other/main.py", "cmc_webhook/__main__.py"),
        *("cmc_webhook/inbound/mail.eml", "cmc_webhook/inbound/new/module.py"),
    ]
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".gcloudignore").read_text().splitlines())
    files = {*listed.stdout.split(), *planted}

    uploaded = {name for name in files if not ignored.match_file(name)}

    modules = {str(path.relative_to(ROOT)) for path in deployed().values()}
    packages = {f"cmc_webhook/{name}__init__.py" for name in ("", "status/", "inbound/")}
    data = {"cmc_webhook/status/diagnosis.toml"}
    assert uploaded == {"requirements.txt", *data, *modules, *packages}


def test_secrets_are_compared_in_one_place():
    users = [path.name for path in deployed().values() if "compare_digest" in path.read_text()]
    assert users == ["auth.py"]
    comparing = [
        function.name
        for function in ast.walk(ast.parse((PACKAGE / "auth.py").read_text()))
        if isinstance(function, ast.FunctionDef) and "compare_digest" in ast.unparse(function)
    ]
    assert comparing == ["_equal"]


def test_the_top_level_has_nothing_but_what_belongs_there():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = {name.split("/")[0] for name in listed.stdout.splitlines()}

    plain = {name for name in names if not name.startswith(".")}
    assert plain == {"README.md", "cmc_webhook", "main.py", "requirements.txt", "tests"}


def test_requirements_are_pinned():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert not line or line.startswith("#") or "==" in line


def test_the_readme_of_the_tests_has_a_place_for_every_file():
    text = (ROOT / "tests/README.md").read_text()
    files = {path.name for path in (ROOT / "tests").glob("test_*.py")}
    folders = {f"{path.parent.name}/" for path in (ROOT / "tests").glob("*/test_*.py")}

    assert {name for name in files | folders if f"`{name}`" not in text} == set()

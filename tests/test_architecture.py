"""Who may import whom, what is uploaded, and where a secret is compared."""

import ast
import subprocess
import sys
from pathlib import Path

import pathspec

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cmc_webhook"

# Each module, and those of ours that it imports: only such as stand above it.
IMPORTS = {
    "errors": set(),
    "text": set(),
    "logs": set(),
    "settings": set(),
    "codec": set(),
    "body": {"errors"},
    "auth": {"settings"},
    "envelope": {"errors", "text"},
    "events": {"envelope", "text"},
    "status": {"events", "text"},
    "quarantine": {"auth", "envelope", "events", "text"},
    "unstored": {"auth", "envelope", "events"},
    "rpc": {"codec", "settings"},
    "writes": {"codec", "rpc"},
    "guess": {"events", "rpc"},
    "store": {"errors", "events", "guess", "quarantine", "rpc", "status", "writes"},
    "intake": {
        *("auth", "envelope", "errors", "events", "logs", "quarantine", "rpc", "settings"),
        *("status", "store", "unstored"),
    },
    "handler": {"auth", "body", "envelope", "errors", "intake", "logs", "rpc", "settings", "store"},
    "main": {"guess", "handler", "logs", "rpc", "settings", "store"},
}
# Each folder of tools, and the other folders that it may import.
TOOLS = {
    "devserver": set(),
    "reading": set(),
    "simulator": set(),
    "command_line": {"reading", "simulator"},
    "console": {"command_line", "reading", "simulator"},
}
PURE = {
    "errors",
    "text",
    "settings",
    "auth",
    "envelope",
    "events",
    "status",
    "quarantine",
    "unstored",
    "codec",
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
    """Return the modules of ours in *names*, `cmc_webhook` itself left out."""
    parts = [name.split(".") for name in names if name.startswith("cmc_webhook.")]
    return {part[1] for part in parts} - {"__version__"}


def production():
    files = set(PACKAGE.glob("*.py")) - {PACKAGE / "__main__.py"}
    return {path.stem: path for path in [*files, ROOT / "main.py"]}


def test_the_imports_are_those_of_the_table():
    found = {name: own(imported(path)) for name, path in production().items() if name != "__init__"}

    assert found == IMPORTS
    for place, name in enumerate(IMPORTS):  # one direction: down the table's order
        assert IMPORTS[name] <= set(list(IMPORTS)[:place])


def test_the_tools_import_each_other_in_one_direction():
    found = {
        folder: own({name for path in (PACKAGE / folder).glob("*.py") for name in imported(path)})
        for folder in TOOLS
    }

    for folder, names in found.items():
        assert names & TOOLS.keys() <= TOOLS[folder] | {folder}, folder
    assert found["simulator"] == {"simulator"}


def test_the_oracle_imports_nothing_of_ours():
    assert own(imported(PACKAGE / "simulator" / "oracle.py")) == set()


def test_pure_modules_import_no_io():
    for name in PURE:
        roots = {imported_name.split(".")[0] for imported_name in imported(production()[name])}
        assert not roots & IO_MODULES, name


def test_the_function_loads_nothing_of_its_tools():
    script = (
        "import os, sys, main; print([m for m in sys.modules"
        f" if m.startswith({('sqlite3', 'tests', *(f'cmc_webhook.{t}' for t in TOOLS))})])"
    )
    environ = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1", "CMC_ALLOW_UNAUTHENTICATED": "true"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True
    )

    assert done.stdout == "[]\n", done.stderr


def test_only_the_function_is_uploaded():
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    planted = [
        *("cmc_webhook/key.json", "cmc_webhook/new/module.py", "cmc_webhook/__pycache__/a.pyc"),
        *("key.json", ".env", "tests/test_new.py", "other/main.py", "cmc_webhook/__main__.py"),
    ]
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".gcloudignore").read_text().splitlines())
    files = {*listed.stdout.split(), *planted}

    uploaded = {name for name in files if not ignored.match_file(name)}

    modules = {f"cmc_webhook/{name}.py" for name in IMPORTS if name != "main"}
    assert uploaded - {"cmc_webhook/__init__.py"} == {"main.py", "requirements.txt", *modules}


def test_secrets_are_compared_in_one_place():
    users = [path.name for path in production().values() if "compare_digest" in path.read_text()]
    assert users == ["auth.py"]
    comparing = [
        function.name
        for function in ast.walk(ast.parse((PACKAGE / "auth.py").read_text()))
        if isinstance(function, ast.FunctionDef) and "compare_digest" in ast.unparse(function)
    ]
    assert comparing == ["_equal"]


def test_requirements_are_pinned():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert not line or line.startswith("#") or "==" in line

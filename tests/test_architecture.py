"""Who may import whom, what is uploaded, and where a secret is compared."""

import ast
import subprocess
import sys
from pathlib import Path

import pathspec
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cmc_webhook"

# Each module, and those of ours that it imports: only such as stand above it.
IMPORTS = {
    "errors": set(),
    "text": set(),
    "logs": set(),
    "settings": set(),
    "codec": set(),
    "receipt": set(),
    "body": {"errors"},
    "auth": {"settings"},
    "endpoint": {"auth", "errors", "logs"},
    "envelope": {"errors", "text"},
    "events": {"envelope", "errors", "text"},
    "status": {"events", "text"},
    "quarantine": {"auth", "envelope", "events", "text"},
    "unstored": {"auth", "envelope", "events"},
    "rpc": {"codec", "settings"},
    "writes": {"codec"},
    "writer": {"errors", "rpc", "writes"},
    "guess": {"events", "rpc"},
    "store": {"errors", "events", "guess", "quarantine", "rpc", "status", "writer", "writes"},
    "intake": {
        *("auth", "envelope", "errors", "events", "logs", "quarantine", "receipt", "rpc"),
        *("settings", "status", "store", "unstored"),
    },
    "handler": {
        *("auth", "body", "endpoint", "envelope", "errors", "intake", "logs", "rpc", "settings"),
        "store",
    },
    # Received mail. What stands above knows nothing of it.
    "inbound.errors": set(),
    "inbound.charsets": set(),
    "inbound.headers": {"inbound.charsets", "text"},
    "inbound.parts": {"envelope", "inbound.charsets", "inbound.errors"},
    "inbound.mail": {"inbound.headers"},
    "inbound.mime": {
        *("inbound.charsets", "inbound.errors", "inbound.headers", "inbound.mail"),
        "inbound.parts",
    },
    "inbound.cmc": {"inbound.errors", "inbound.headers", "inbound.mail", "inbound.parts"},
    "inbound.sendgrid": {
        *("inbound.errors", "inbound.headers", "inbound.mail", "inbound.mime", "inbound.parts"),
    },
    "inbound.providers": {
        *("envelope", "errors", "inbound.cmc", "inbound.errors", "inbound.mail", "inbound.parts"),
        "inbound.sendgrid",
    },
    "inbound.document": {"inbound.charsets", "inbound.headers", "inbound.mail", "text"},
    "inbound.bucket": {"errors", "rpc", "settings"},
    "inbound.intake": {
        *("auth", "errors", "inbound.bucket", "inbound.document", "inbound.errors"),
        *("inbound.parts", "inbound.providers", "logs", "receipt", "rpc", "settings"),
        *("unstored", "writer"),
    },
    "inbound.handler": {
        *("auth", "body", "endpoint", "errors", "inbound.bucket", "inbound.errors"),
        *("inbound.intake", "inbound.parts", "rpc", "settings", "writer"),
    },
    "main": {
        *("guess", "handler", "inbound.bucket", "inbound.handler", "logs", "rpc", "settings"),
        *("store", "writer"),
    },
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
    "receipt",
    *(f"inbound.{name}" for name in ("errors", "charsets", "headers", "parts", "mail", "mime")),
    *(f"inbound.{name}" for name in ("cmc", "sendgrid", "providers", "document")),
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
    parts = [name.split(".")[1:] for name in names if name.startswith("cmc_webhook.")]
    modules = {".".join(part[: 2 if part[0] == "inbound" else 1]) for part in parts}
    return modules - {"__version__"}


def production():
    files = [path for path in PACKAGE.glob("*.py") if path.stem != "__main__"]
    inbound = {f"inbound.{path.stem}": path for path in (PACKAGE / "inbound").glob("*.py")}
    status = {path.stem: path for path in [*files, ROOT / "main.py"]}
    return {name: path for name, path in (status | inbound).items() if path.stem != "__init__"}


def test_the_imports_are_those_of_the_table():
    found = {name: own(imported(path)) for name, path in production().items()}

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


FOREIGN = [*(f"cmc_webhook.{tool}" for tool in TOOLS), "sqlite3", "tests", "gcp_storage_emulator"]


@pytest.mark.parametrize(
    ("target", "foreign"),
    [
        ("cmc_webhook", [*FOREIGN, "cmc_webhook.inbound", "google.cloud.storage"]),
        ("cmc_inbound", [*FOREIGN, "cmc_webhook.store", "cmc_webhook.handler"]),
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

    modules = {f"cmc_webhook/{name.replace('.', '/')}.py" for name in IMPORTS if name != "main"}
    packages = {"cmc_webhook/__init__.py", "cmc_webhook/inbound/__init__.py"}
    assert uploaded - packages == {"main.py", "requirements.txt", *modules}


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

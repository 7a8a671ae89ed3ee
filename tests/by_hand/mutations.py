"""
Breaks the functions in one place after the other: `python -m tests.by_hand.mutations`.

Each mutation of the table (mutation_table.py) is made in a copy of the tree, and tests run on it
until one fails: at first the likely modules, then what `python -m pytest` runs of the modules
directly in tests/ and of tests/inbound (apart from those of documents and the devserver), then the
same with --all. Exit status 1 if a mutation survives all three, or if its text is not found exactly
once. Other arguments go to pytest.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.by_hand.mutation_table import MUTATIONS
from tests.support.processes import ROOT

_LEFT_OUT = re.compile("test_(devserver|deployment|documents.*|contributing|indexes)")
TESTS = [
    "tests/inbound",
    *(f"tests/{p.name}" for p in (ROOT / "tests").glob("test_*.py") if not _LEFT_OUT.match(p.stem)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--only", default="", help="those whose file or effect has this text")
    parser.add_argument("--list", action="store_true", help="check the table and run nothing")
    options, rest = parser.parse_known_args()
    chosen = [m for m in MUTATIONS if options.only in f"{m.file} {m.effect}"]
    if wrong := [m for m in chosen if (ROOT / m.file).read_text().count(m.old) != 1]:
        sys.exit("".join(f"{m.file} does not have exactly once:\n{m.old}\n" for m in wrong))
    print(f"{len(chosen)} mutations")
    if options.list:
        return
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory) / "tree"
        copy(tree)
        if failed := run(tree, *TESTS, *rest):
            sys.exit(f"Without any mutation {failed} fails.")
        survivors = chosen
        for phase, tests, arguments in (
            ("likely tests", lambda m: m.likely, ["-n", "0"]),  # one process is there sooner
            ("fast run", lambda m: TESTS, []),
            ("--all", lambda m: TESTS, ["--all"]),
        ):
            before = len(survivors)
            survivors = [m for m in survivors if not caught(tree, m, *tests(m), *arguments, *rest)]
            print(f"{phase}: {before - len(survivors)} of {before} caught", flush=True)
    sys.exit(bool(survivors))


def copy(tree):
    """Copy what git knows of the working tree; a test asks git for the files."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    subprocess.run(["git", "add", "--all"], cwd=tree, check=True)


def caught(tree, mutation, *arguments):
    """Run the tests on *mutation*, say which failed first, and put the tree back."""
    path = tree / mutation.file
    before = path.read_text()
    path.write_text(before.replace(mutation.old, mutation.new))
    started = time.monotonic()
    failed = run(tree, *arguments)
    path.write_text(before)
    took = f"{time.monotonic() - started:.0f} s"
    verdict = f"caught by {failed}" if failed else "SURVIVED"
    print(f"{mutation.effect} ({mutation.file}): {verdict}, {took}", flush=True)
    return bool(failed)


def run(tree, *arguments):
    """Return which test failed first, and why; nothing if none did."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=tree, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"^(?:FAILED|ERROR) (\S+.*)", done.stdout, re.M)
    if done.returncode and not found:
        sys.exit(done.stdout + done.stderr)
    return found[1] if found else ""


if __name__ == "__main__":
    main()

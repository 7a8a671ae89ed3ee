"""The steps as one bash script, for who must read it first. Pure."""

import re
import shlex
from collections.abc import Iterator, Sequence

from cmc_webhook.deployment.plan import by_name, step_text
from cmc_webhook.deployment.steps import Step, Wanted, Words, file
from cmc_webhook.reading.language import text

_WIDTH = 100
_FRAME = file()["script"]


def script(steps: Sequence[Step], wanted: Wanted) -> Iterator[str]:
    """Yield the lines."""
    yield "#!/usr/bin/env bash"
    for line in text("script.head", project=wanted.project).splitlines():
        yield f"# {line}"
    yield from _FRAME["head"].splitlines()
    for group in by_name(steps):
        yield f"\n# {step_text(group)}"
        for step in group:
            yield from _step(step, wanted.project)
    yield f"\n# {text('script.end')}"
    end = _FRAME["end"].replace("PROJECT", wanted.project)
    yield from end.replace("REGION", wanted.region).splitlines()


def _step(step: Step, project: str) -> Iterator[str]:
    for name, commands in step.values.items():
        for number, words in enumerate(commands):
            unless = f'[ -n "${name}" ] || ' if number else ""
            yield f"{unless}{name}=$({_gcloud(words, project)})"
        yield f"{name}=${{{name}%%$'\\n'*}}"
    if step.file:
        yield "FILE=$(mktemp)"
        yield f'printf %s {shlex.quote(step.file)} >"$FILE"'
    key = "openssl rand -hex 32 | " if step.new_key else ""
    make = f"{key}{_gcloud(step.make, project)}"
    if not step.exists:
        yield make
    elif step.change:
        exists = _gcloud(step.exists, project).removeprefix("gcloud ")
        yield f"if there {exists}; then\n  {_gcloud(step.change, project)}\nelse\n  {make}\nfi"
    else:
        yield f"there {_gcloud(step.exists, project).removeprefix('gcloud ')} ||\n  {{ {make}; }}"


def _gcloud(words: Words, project: str) -> str:
    lines = ["gcloud"]
    for word in map(_quoted, (*words, f"--project={project}")):
        if len(lines[-1]) + len(word) < _WIDTH - 3:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}")
    return " \\\n".join(lines)


def _quoted(word: str) -> str:
    """Return *word* for bash, with a variable for each ``<NAME>`` in it."""
    parts = re.split("<([A-Z]+)>", word)
    return "".join(
        f'"${{{part}:?}}"' if number % 2 else shlex.quote(part) if part else ""
        for number, part in enumerate(parts)
    )

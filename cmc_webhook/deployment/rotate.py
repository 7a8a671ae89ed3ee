"""`rotate-key`: a new key in place of the old ones, and never a moment at which CMC's is refused.

All that was done stands in Google's project, so the rotation may be killed anywhere, and the next
call goes on. An annotation of the secret has the number of its newest version when the rotation
began. Of the later versions the first has the new key before the old ones, the second it alone.
"""

import secrets
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from cmc_webhook.deployment.checks import at, of_name
from cmc_webhook.deployment.deployed import FUNCTIONS, Function
from cmc_webhook.deployment.gcloud import Gcloud, Refused, say, secret
from cmc_webhook.deployment.run import Run
from cmc_webhook.deployment.steps import LABELS, SECRET, Step, table
from cmc_webhook.deployment.survey import visit
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.language import text

ANNOTATION = "cmc-webhook-rotation"
_LOG_DAYS = 30  # as long as Google keeps the log by default
_PAUSE_S = 30
_NEW, _OLD = r"\[1\]$", r"\[([2-9]|[1-9][0-9]+)\]$"  # positions of credentials in log lines


def rotate_key(project: str, quiet_hours: int, yes: bool) -> None:
    """Make a new key, or go on with a rotation that was begun."""
    Rotation(project, timedelta(hours=quiet_hours), yes=yes).carry_out()


class Rotation:
    """One rotation; *quiet* is for how long no old key may have come when the old ones go."""

    def __init__(self, project: str, quiet: timedelta, *, yes: bool) -> None:
        self._quiet = quiet
        self._yes = yes
        self._gcloud = Gcloud(project)

    def carry_out(self) -> None:
        """Go on from where the rotation stands. Raises Refused, GcloudError and StepFailed."""
        readers = self._readers()
        if not readers:
            raise Refused("rotate.no_reader", project=self._gcloud.project)
        for each in readers:
            # An older revision reads another version than the function says.
            if at(each.json, "serviceConfig.allTrafficOnLatestRevision") is False:
                raise Refused("rotate.older_revision", function=each.name)
        base = self._base(readers)
        later = [number for number in self._versions() if number > base]
        if not (len(later) > 1 and self._all_read(later[-1])):
            new = [secrets.token_hex(32), *self._keys_in_service()]
            both = later[0] if later else self._add(new)
            new_key, *old_keys = self._keys(both)
            if len(later) < 2:
                if not set(self._keys_in_service()) <= {new_key, *old_keys}:
                    raise Refused("rotate.foreign_version", version=both)
                self._move(both)
            command = f"gcloud secrets versions access {both} --secret={SECRET}"
            command += f" --project={self._gcloud.project} | head -n 1"
            say("rotate.enter", secret=secret(new_key, command))
            self._watch(both)
            later = [both, later[1] if len(later) > 1 else self._add([new_key])]
            if self._keys(later[-1]) != [new_key]:
                raise Refused("rotate.foreign_version", version=later[-1])
            self._move(later[-1])
        for number, state in self._versions().items():
            if number != later[-1] and state == "ENABLED":
                self._secret("versions", "disable", str(number), f"--secret={SECRET}")
        self._secret("update", SECRET, f"--remove-annotations={ANNOTATION}")
        say("rotate.done")

    def _secret(self, *words: str, stdin: str = "") -> str:
        return self._gcloud.text(("secrets", *words), stdin)

    def _confirm(self, question: str, readers: Sequence[Function]) -> None:
        if not self._yes:
            confirm(text(question, functions=", ".join(each.name for each in readers)))

    def _readers(self) -> list[Function]:
        return [each for each in map(Function, self._gcloud.json(FUNCTIONS)) if each.secret_version]

    def _all_read(self, version: int) -> bool:
        return all(each.secret_version == str(version) for each in self._readers())

    def _versions(self) -> dict[int, str]:
        found = self._gcloud.json(("secrets", "versions", "list", SECRET))
        states = {int(each["name"].rpartition("/")[2]): each.get("state", "") for each in found}
        return dict(sorted(states.items()))

    def _base(self, readers: Sequence[Function]) -> int:
        """Return the newest version at the beginning; begin where no rotation is under way."""
        secret = of_name(self._gcloud.json(("secrets", "list")), f"secrets/{SECRET}")
        if noted := (at(secret, "annotations") or {}).get(ANNOTATION):
            say("rotate.goes_on")
            return int(noted)
        self._confirm("rotate.ask", readers)
        newest = max(self._versions())
        self._secret("update", SECRET, f"--update-annotations={ANNOTATION}={newest}")
        return newest

    def _keys(self, version: int | str) -> list[str]:
        content = self._secret("versions", "access", str(version), f"--secret={SECRET}")
        return [key for line in content.splitlines() if (key := line.strip())]

    def _keys_in_service(self) -> list[str]:
        versions = dict.fromkeys(each.secret_version for each in self._readers())
        return list(dict.fromkeys(key for version in versions for key in self._keys(version)))

    def _add(self, keys: Sequence[str]) -> int:
        self._secret("versions", "add", SECRET, "--data-file=-", stdin="\n".join(keys))
        return max(self._versions())

    def _move(self, version: int) -> None:
        """Let every function read *version*. They stay open to everybody."""
        todo = [each for each in self._readers() if each.secret_version != str(version)]
        labels = ",".join(f"{name}={value}" for name, value in LABELS.items())
        other = [each for each in todo if not LABELS.items() <= each.labels.items()]
        if other:
            self._confirm("rotate.other_code", other)
        public = self._public_steps() if todo else []
        for each in todo:
            say("rotate.moving", function=each.name, version=version)
            deploy = (
                *("functions", "deploy", each.name, "--gen2", f"--region={each.region}"),
                *("--source=.", f"--update-secrets={each.variable}={SECRET}:{version}"),
                *(f"--update-labels={labels}", "--serve-all-traffic-latest-revision"),
            )
            self._gcloud.text(deploy)
            Run(self._gcloud).carry_out(public)
        if not self._all_read(version):
            raise Refused("rotate.not_moved", version=version)

    def _public_steps(self) -> list[Step]:
        site = visit(self._gcloud)
        steps = table(site.wanted({}))
        return [step for step in steps if step.name == "public" and step.subject in site.deployed]

    def _watch(self, version: int) -> None:
        """Return when the log says that no function that reads *version* gets an old key."""
        told, confirmed = "", set[str]()
        while True:
            readers = [each for each in self._readers() if each.secret_version == str(version)]
            lines = [self._evidence(each, confirmed) for each in readers]
            if not any(lines):
                return
            if (line := "\n".join(filter(None, lines))) != told:
                click.echo(told := line)
            time.sleep(_PAUSE_S)

    def _evidence(self, function: Function, confirmed: set[str]) -> str:
        """Return what speaks against taking the old keys from *function*, empty for nothing."""
        now = datetime.now(UTC)
        new, old = self._newest(function, _NEW), self._newest(function, _OLD)
        since = max(filter(None, (old, _time(function.json.get("updateTime")))), default=now)
        values = {"function": function.name, "hours": self._quiet // timedelta(hours=1)}
        if old and not (new and new > old):
            return text("rotate.old_comes", **values)
        if now - since < self._quiet:
            return text("rotate.not_quiet", **values)
        if not new and function.name not in confirmed:
            if not sys.stdin.isatty():
                raise Refused("rotate.unseen_alone", **values)
            confirm(text("rotate.unseen", **values))
            confirmed.add(function.name)
        return ""

    def _newest(self, function: Function, position: str) -> datetime | None:
        """Return when the revision last accepted a key at this *position*."""
        conditions = (
            'resource.type="cloud_run_revision"',
            f'resource.labels.service_name="{function.name}"',
            f'resource.labels.revision_name="{function.revision}"',
            f'jsonPayload.credential=~"^{function.variable}{position}"'.replace("\\", "\\\\"),
        )
        read = ("logging", "read", " AND ".join(conditions), f"--freshness={_LOG_DAYS}d")
        entries = self._gcloud.json((*read, "--order=desc", "--limit=1"))
        return _time(entries[0].get("timestamp")) if entries else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

"""Takes the steps: runs what is missing, looks whether it is there, stops at the first failure."""

import secrets
import tempfile
import time
from collections.abc import Sequence

import click

from cmc_webhook.deployment.gcloud import Gcloud, GcloudError, Refused, say
from cmc_webhook.deployment.plan import by_name, step_text
from cmc_webhook.deployment.steps import Step, Words
from cmc_webhook.deployment.survey import Seen, survey
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.texts import load

# Seconds before each further look: at things that are made at once, and at what Google builds.
_LOOKS = (1, 2, 4, 8, 15, 30)
_SLOW_LOOKS = (5, 10, *(15,) * 80)
_SETTLING_S = 20


class Run:
    """One run over steps."""

    def __init__(self, gcloud: Gcloud) -> None:
        self._gcloud = gcloud
        self._is_settling = False

    def carry_out(self, steps: Sequence[Step]) -> list[Step]:
        """Take *steps*, and return those that Google is still building. Raises Refused."""
        groups = by_name(steps)
        slow: list[Step] = []
        for number, group in enumerate(groups, 1):
            todo = self._not_right(group)
            if not todo:
                continue
            mended = [each.step for each in todo]
            click.echo(f"[{number}/{len(groups)}] {step_text(mended)}")
            for each in todo:
                if each.state != "building":
                    self._make(each)
            if group[0].slow:
                slow += mended
            elif left := self._wait(mended, _LOOKS):
                raise step_failed(left[0], text("run.not_seen"))
        return self._wait(slow, _SLOW_LOOKS)

    def _not_right(self, steps: Sequence[Step]) -> list[Seen]:
        seen = survey(self._gcloud, steps)
        for each in seen:
            if each.refused:
                raise step_failed(each.step, each.refused)
        return [each for each in seen if each.state != "right"]

    def _wait(self, steps: Sequence[Step], pauses: Sequence[int]) -> list[Step]:
        """Look until all is right; return what is not in the end."""
        left = self._not_right(steps)
        for pause in pauses:
            if not left:
                break
            first = by_name([each.step for each in left])[0]
            say("run.waiting", step=step_text(first))
            time.sleep(pause)
            left = self._not_right(steps)
        return [each.step for each in left]

    def _make(self, seen: Seen) -> None:
        """Run the command; once more if it failed while earlier steps still take effect."""
        step = seen.step
        for is_last in (not self._is_settling, True):
            try:
                with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
                    file.write(step.file)
                    file.flush()
                    words = filled(self._gcloud, step, step.mend(seen.differences))
                    words = tuple(word.replace("<FILE>", file.name) for word in words)
                    self._gcloud.text(words, secrets.token_hex(32) if step.new_key else "")
                break
            except GcloudError as error:
                if is_last:
                    raise step_failed(step, str(error.values["said"])) from error
                say("run.settling", seconds=_SETTLING_S)
                time.sleep(_SETTLING_S)
        self._is_settling = self._is_settling or step.settles


def step_failed(step: Step, said: str) -> Refused:
    """Return the failure that says what failed, what to do, and that the run can go on."""
    hint = f"hint.{step.name}"
    advice = text(hint if hint in load(texts().language) else "run.role", role=step.role)
    return Refused("run.failed", step=step_text([step]), said=said, advice=advice)


def filled(gcloud: Gcloud, step: Step, words: Words) -> Words:
    """Return *words* of *step* with the values that gcloud prints. Raises GcloudError."""
    for name in [name for name in step.values if f"<{name}>" in " ".join(words)]:
        value = next(filter(None, map(gcloud.text, step.values[name])), "").split("\n")[0]
        words = tuple(word.replace(f"<{name}>", value) for word in words)
    return words

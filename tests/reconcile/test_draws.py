"""Whatever CMC does where it documents nothing: no false gap, and every lost bounce restored."""

import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cmc_webhook.database import connect
from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.counts import MailCounts
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reconcile import totals
from cmc_webhook.reconcile.backfill import Backfill
from cmc_webhook.reconcile.command import Run
from cmc_webhook.reconcile.memory import Memory
from cmc_webhook.reconcile.rest import RestError
from cmc_webhook.settings import RestSettings
from cmc_webhook.simulator import rest as stand_in
from cmc_webhook.status.document import day_in_japan
from tests.reconcile.conftest import KNOWN, lives
from tests.support.records import make_post

NOW = datetime(2026, 11, 27, 18, 30, tzinfo=UTC)  # 3:30 in Japan
NIGHTS = 4
_FEW, _MANY = 3, 100


class World:
    """A server composition whose mails CMC knows all, and the function most."""

    def __init__(self, seed, function, client, address):
        self.rng = random.Random(seed)
        self.name = f"draw-{seed}"
        self.cmc = stand_in.CmcRest(stand_in.draw(self.rng))
        self._function = function
        self._client = client
        environ = {"FIRESTORE_EMULATOR_HOST": address, "GOOGLE_CLOUD_PROJECT": client.project}
        self._database = connect(environ, "(default)")
        self.memory = Memory(self._database, "mail_statuses")
        self.lossy = self.rng.choice([(), (6,), (6, 5), range(16)])

    def happen(self):
        """Let mails be sent for two weeks; of some days three of ten posts are lost."""
        for day in range(15, 1, -1):
            hour = self.rng.choice([2, 8, 12, 23])
            some = lives(self.rng.randint(4, 20), day, self.rng.random(), None, hour, NOW)
            self.cmc.events += some
            for start in range(0, len(some), 3):
                if day in self.lossy and self.rng.random() < 0.3:
                    continue
                for kind in ("deliveries", "bounces"):
                    records = [e.record for e in some[start : start + 3] if e.event_type == kind]
                    if records:
                        post = make_post(**{kind: records}, composition=self.name)
                        assert self._function.post("/", json=post).status_code == 200

    def counts(self):
        return MailCounts(MailStatuses(self._client, "mail_statuses"))

    def run(self, url, night=0):
        settings = RestSettings(stand_in.USER, stand_in.KEY, (self.name,), 1, url)
        return Run(settings, self.memory, NOW + timedelta(days=night))

    def backfill(self, zone="Asia/Tokyo"):
        settings = replace(settings_here(), time_zone=ZoneInfo(zone))
        return Backfill(self._database, settings, stores=True)

    def remembered(self):
        kept = self._client.collection("mail_statuses_reconcile")
        return kept.document(f"composition-{self.name}").get().to_dict()

    def truth(self):
        """Return what CMC knows by day of queueing in Japan, and figure."""
        plain = stand_in.CmcRest(KNOWN)
        plain.events = self.cmc.events
        return {row["date"]: row for row in plain._days()}


def seeds(config):
    return range(_MANY if config.getoption("--all") else _FEW)


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", seeds(metafunc.config))


@pytest.fixture
def world(seed, function, client, firestore_address):
    made = World(seed, function, client, firestore_address)
    made.happen()
    return made


@pytest.fixture
def url(world):
    with ExitStack() as running:
        yield running.enter_context(stand_in.serving(world.cmc, "127.0.0.1", 0))


def test_no_draw_makes_a_false_gap_and_none_hides_a_loss(world, url, seed):
    truth = world.truth()
    told = Counter()
    same = not (world.cmc._unknowns["day_begins"] or world.cmc._unknowns["by_event"])
    for night in range(-NIGHTS, 0):
        world.run(url, night).totals(world.counts())
        found = world.remembered()
        days = totals.settled(day_in_japan(NOW + timedelta(days=night)))
        here = totals.ours(world.counts(), world.name, days)
        for figure in totals.FIGURES:
            lost = {day: truth[day][figure] - here[day][figure] for day in days if day in truth}
            verdict, missing = (found["judged"][figure][name] for name in ("verdict", "missing"))
            assert sum(missing.values()) <= max(0, sum(lost.values())), (
                figure,
                world.cmc._unknowns,
            )
            if same:
                for day, number in missing.items():
                    assert 0 < number <= lost[day], (figure, world.cmc._unknowns)
            if verdict == "agree":
                # What was queued early on the first day may be of the day before at CMC.
                seen = [lost[day] for day in lost if same or day != days[0]]
                assert not any(seen), (figure, world.cmc._unknowns)
            told[verdict] += 1
    assert world.cmc.requests == NIGHTS
    if same and not world.lossy:
        assert told == {"agree": 4 * NIGHTS}


def test_each_draw_restores_every_bounce_and_writes_nothing_the_second_time(world, url, documents):
    bounces = [e for e in world.cmc.events if e.event_type == "bounces"]

    def bring():
        backfill = world.backfill()
        try:
            world.run(url).read(backfill, None, None, 99, True)
        except RestError:
            backfill = world.backfill(world.cmc._unknowns["zone"])
            world.run(url).read(backfill, None, None, 99, True)
        return backfill

    bring()
    stored = documents()
    told = {
        (each["message_id"], each["to"], event["bounce_code"])
        for each in stored.values()
        for event in each["events"]
        if "bounce_code" in event
    }
    assert told == {
        (e.record["messageId"], e.record["to"].lower(), e.record["status"]) for e in bounces
    }
    assert all(each.get("bounced_at") or each.get("suppressed_at") for each in stored.values()
               if any("bounce_code" in event for event in each["events"]))  # fmt: skip
    before = stored, documents("mail_addresses")
    again = bring()
    assert again.lacked.total() == 0
    assert (documents(), documents("mail_addresses")) == before

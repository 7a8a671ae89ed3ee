"""The stand-in of CMC's REST API knows what `send` planned, also what it lost."""

import random

import pytest

from cmc_webhook.simulator import rest as stand_in
from tests.command_line.conftest import serve_here, url  # noqa: F401


def send(run, target, *options):
    return run("send", "--scenario", "campaign", "--count", "60", "--url", target, *options)


def test_posts_that_send_loses_are_told_to_the_stand_in(run, url, cmc, documents):  # noqa: F811
    rest = cmc()

    done = send(run, url, "--seed", "7", "--lose", "0.3")

    assert done.exit_code == 0, done.output
    assert "was told of all of them: 204" in done.stderr
    assert len(rest.events) > sum(len(each["events"]) for each in documents().values()) > 0


def test_the_same_seed_loses_the_same_posts(run, url, documents):  # noqa: F811
    once = send(run, url, "--seed", "7", "--lose", "0.3").stderr.splitlines()

    assert send(run, url, "--seed", "7", "--lose", "0.3").stderr.splitlines() == once
    assert "Posts that get lost on the way: " in once[1]


def test_nobody_else_is_told(run, url, monkeypatch):  # noqa: F811
    monkeypatch.setenv("CMC_REST_URL", "https://api.smtps.jp/transaction/v2")

    assert "was told" not in send(run, url).stderr


@pytest.mark.parametrize("name", stand_in._UNKNOWNS)
def test_every_way_is_drawn(name):
    drawn = {stand_in.draw(random.Random(seed))[name] for seed in range(100)}

    assert drawn == {*stand_in._UNKNOWNS[name]}


def test_wrong_credentials_are_refused(run, cmc, monkeypatch):
    cmc({"CMC_REST_KEY": "wrong"})

    done = run("reconcile")

    assert (done.exit_code, "HTTP status 401" in done.stderr) == (1, True)

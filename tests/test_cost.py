"""What a post costs in calls, billed reads and billed writes, counted by the recording server."""

import pytest

from tests.by_hand.benchmarks.contenders import OURS, Contender
from tests.by_hand.benchmarks.load import body, make_records, new_mails
from tests.by_hand.benchmarks.recorder import Recorder


@pytest.fixture(scope="module")
def recorder():
    started = Recorder(latency_ms=0)
    yield started
    started.stop()


@pytest.fixture
def ours(recorder):
    started = Contender(OURS, recorder)
    yield started
    started.stop()


def cost(contender, *posts):
    """Return calls, reads and writes applied of *posts*."""
    contender.spent()
    assert {contender.post(post)[0] for post in posts} == {200}
    spent = contender.spent()
    calls = sum(count for name, count in spent.items() if name.startswith("rpc "))
    return calls, spent.get("reads", 0), spent.get("writes", 0)


def test_a_life_on_one_instance(ours):
    mails = new_mails(200)
    queued, succeeded = (
        body(make_records(mails, "queued")),
        body(make_records(mails, "succeeded", second=5)),
    )

    assert cost(ours, queued) == (1, 0, 200)
    assert cost(ours, succeeded) == (1, 0, 200)
    assert cost(ours, queued, succeeded, queued) == (0, 0, 0)


def test_another_instance_reads_first(ours, recorder):
    mails = new_mails(100)
    cost(ours, body(make_records(mails, "queued")))
    other = Contender(OURS, recorder, project=ours.project)

    assert cost(other, body(make_records(mails, "succeeded", second=5))) == (2, 100, 100)
    assert cost(other, body(make_records(mails, "queued"))) == (0, 0, 0)
    other.stop()


def test_facts_of_one_mail_in_one_post_are_one_write(ours):
    [mail] = new_mails(1)
    facts = [make_records([mail], "deferred", second=n)[0] for n in range(50)]

    assert cost(ours, body([*make_records([mail], "queued"), *facts])) == (1, 0, 1)


def test_501_new_mails_are_three_calls(ours):
    assert cost(ours, body(make_records(new_mails(501), "queued"))) == (3, 0, 501)


def bounces_of(mails, second=0):
    return body(bounces=make_records(mails, "2", second=second, reason="550 5.1.1 no such user"))


def test_a_post_without_bounces_costs_nothing_for_addresses(ours):
    """Successes, failures and forward errors say nothing of an address."""
    mails = new_mails(100)
    cost(ours, body(make_records(mails, "queued")))
    others = body(make_records(mails, "failed", second=5), make_records(mails, "6", second=6))

    assert cost(ours, body(make_records(mails, "succeeded", second=4))) == (1, 0, 100)
    assert cost(ours, others) == (1, 0, 100)


def test_bounces_cost_a_read_where_the_address_is_not_known(ours, recorder):
    mails = new_mails(100)
    cost(ours, body(make_records(mails, "queued")))

    assert cost(ours, bounces_of(mails, second=5)) == (2, 100, 200)
    assert cost(ours, bounces_of(mails, second=5)) == (0, 0, 0)
    # On the instance that knows the addresses one call, and where no address is known no call more.
    later = new_mails(100)
    cost(ours, body(make_records(later, "queued")))
    assert cost(ours, bounces_of(later, second=6)) == (1, 0, 200)
    other = Contender(OURS, recorder, project=ours.project)
    assert cost(other, bounces_of(mails, second=7)) == (2, 200, 200)
    other.stop()

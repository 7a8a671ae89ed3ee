"""Two processes and sixteen threads on one Firestore: every document is the fold of its events."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.faults import at_random
from tests.support.ledger import ADDRESSES, Ledger, body_of, shuffled_posts

SERVER = {"CMC_ALLOW_UNAUTHENTICATED": "true", "THREADS": "8"}


def post_all(posts, servers, rng):
    """Post by sixteen senders to *servers* at random until each post is answered 200."""
    ledger, left = Ledger(), posts
    while left:
        jobs = [(post, rng.choice(servers), body_of(post, rng)) for post in left]
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(post_once, jobs))
        for post, answer in zip(left, answers, strict=True):
            ledger.note(post, *answer)
        left = [post for post, (status, _) in zip(left, answers, strict=True) if status != 200]
    return ledger


def post_once(job):
    _, server, body = job
    started = time.monotonic()
    status = server.post(*body)[0]
    assert status in (200, 503)
    return status, time.monotonic() - started


def test_shuffled_overlapping_posts_to_two_processes(serve, documents):
    rng = random.Random(20250125)
    posts = shuffled_posts(mails=60, size=25, rng=rng)

    ledger = post_all(posts, [serve(**SERVER) for _ in range(2)], rng)

    assert ledger.posts == len(posts)  # nothing had to be repeated
    ledger.check(documents(), documents(ADDRESSES), complete=True)


@pytest.mark.repeat("round_number", "--rounds")
def test_the_same_while_firestore_fails(round_number, serve, faulty, documents, tally):
    rng = random.Random(round_number)
    faulty.plan = at_random(rng, share=0.2)
    servers = [serve(**SERVER, FIRESTORE_EMULATOR_HOST=faulty.address) for _ in range(2)]

    ledger = post_all(shuffled_posts(mails=60, size=25, rng=rng), servers, rng)

    fired = faulty.fired.total()
    fault = "two processes, all mixed"
    tally(fault, ledger, documents(), documents(ADDRESSES), planned=faulty.planned, fired=fired)

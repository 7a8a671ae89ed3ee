"""Two processes and eight threads on one Firestore: every document is the fold of its events."""

import random
from concurrent.futures import ThreadPoolExecutor

from tests.ledger import Ledger, body_of, shuffled_posts


def test_shuffled_overlapping_posts_to_two_processes(serve, documents):
    rng = random.Random(20250125)
    servers = [serve(CMC_ALLOW_UNAUTHENTICATED="true", THREADS="8") for _ in range(2)]
    posts = shuffled_posts(mails=60, size=25, rng=rng)
    jobs = [(rng.choice(servers), body_of(post, rng)) for post in posts]

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda job: job[0].post(*job[1])[0], jobs))

    assert set(statuses) == {200}
    ledger = Ledger()
    for post, status in zip(posts, statuses, strict=True):
        ledger.note(post, status)
    ledger.check(documents(), complete=True)

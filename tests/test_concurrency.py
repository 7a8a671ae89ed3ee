"""Two processes and eight threads on one Firestore: every document is the fold of its events."""

import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from tests import oracle
from tests.records import as_form, as_json, make_post, make_record

LIVES = [
    ["queued", "succeeded"],
    ["queued", "deferred", "deferred", "succeeded"],
    ["queued", "failed", "2"],
    ["queued", "10"],
    ["queued", "succeeded", "6"],
    ["queued", "succeeded", "5"],
    ["queued", "parked"],
]


def life(mail, rng):
    """Yield (list, record) of one mail's life, two of its facts in the same second."""
    second = 0
    for number, word in enumerate(rng.choice(LIVES)):
        second += rng.choice([0, 1, 7]) if number else 0
        kind = "bounces" if word.isdigit() else "deliveries"
        failed = word.isdigit() or word in ("failed", "deferred")
        yield (
            kind,
            make_record(
                messageId=f"<mail{mail}@example.com>",
                created=f"2025-01-25 14:03:{second:02}",
                status=word,
                reason=f"reason of {word}" if failed else "",
                senderIp="" if word == "queued" or kind == "bounces" else "192.0.2.9",
            ),
        )


def posts(rng, mails):
    records = [fact for mail in range(mails) for fact in life(mail, rng)]
    sent = records * 2 + rng.sample(records, len(records) // 2)
    rng.shuffle(sent)
    for start in range(0, len(sent), 25):
        lists = {"deliveries": [], "bounces": []}
        for kind, record in sent[start : start + 25]:
            lists[kind].append(record)
        yield rng.choice([as_form, as_json])(make_post(**lists)), sent[start : start + 25]


def test_shuffled_overlapping_posts_to_two_processes(serve, documents):
    rng = random.Random(20250125)
    servers = [serve(CMC_ALLOW_UNAUTHENTICATED="true", THREADS="8") for _ in range(2)]
    told = defaultdict(list)
    jobs = []
    for body, records in posts(rng, mails=60):
        jobs.append((rng.choice(servers), body))
        for kind, record in records:
            fact = {"list": kind, "sender_ip": record["senderIp"]}
            fact |= {name: record[name] for name in ("status", "created", "reason")}
            told[record["messageId"]].append(fact)

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda job: job[0].post(*job[1])[0], jobs))

    assert set(statuses) == {200}
    found = {document["message_id"]: document for document in documents().values()}
    assert found.keys() == told.keys()
    for message_id, facts in told.items():
        expected, document = oracle.fold(facts), found[message_id]
        assert document.get("bounce_code", "") in expected.pop("bounce_code", {""})
        assert len(document["events"]) == expected.pop("events")
        assert {name: document[name] for name in expected} == expected

"""How much memory an instance holds after many events: whether what it remembers is bounded."""

from concurrent.futures import ThreadPoolExecutor

from tests.by_hand.benchmarks.contenders import OURS, Contender, Sender
from tests.by_hand.benchmarks.load import body, make_records, new_mails
from tests.by_hand.benchmarks.tables import progress, show

STEPS = (10_000, 50_000, 100_000, 200_000)
# Records in a post. Where another instance has got the mails before, each document is read.
_ELSEWHERE = "100, known elsewhere too"
CASES = {"100 at a time": 100, "500 at a time": 500, _ELSEWHERE: 100}


def run(recorder, rounds):
    """Show and return the resident bytes of an instance by case and number of events."""
    with ThreadPoolExecutor() as pool:
        cases = pool.map(lambda case: _live(case, recorder), CASES)
        resident = dict(zip(CASES, cases, strict=True))
    rows = [
        [case, OURS, *(f"{held / 2**20:,.1f}" for held in steps.values())]
        for case, steps in resident.items()
    ]
    headings = ["records", "contender", "first post", *(f"{step:,} events" for step in STEPS)]
    show("Resident memory of an instance, in MiB", headings, rows)
    return resident


def _live(case, recorder):
    """Post so many events to an instance and return its memory after each step."""
    size = CASES[case]
    contender = first = Contender(OURS, recorder)
    if case == _ELSEWHERE:
        first = Contender(OURS, recorder, contender.project)
    try:
        earlier, later = Sender(first), Sender(contender)
        later.post(body(make_records(new_mails(size), "queued")))
        resident, events = {0: contender.resident_bytes()}, 0
        for step in STEPS:
            while events < step:
                mails = new_mails(size)
                status = "succeeded" if first is not contender else "queued"
                earlier.post(body(make_records(mails, status, 5)))
                later.post(body(make_records(mails, "succeeded", 5)))
                events += 2 * size
            resident[step] = contender.resident_bytes()
            progress(f"memory: {step:,} events, {case}")
        return resident
    finally:
        first.stop()
        if contender is not first:
            contender.stop()

"""What is missing is told as a number; a difference that may be no loss is never called one."""

from datetime import date, timedelta

import pytest

from cmc_webhook.reconcile.totals import FIGURES, figures_of, judged, month_to_ask, settled

TODAY = date(2026, 11, 27)
DAYS = settled(TODAY)
SAME = [100, 120, 90, 100, 110, 130, 80, 95]


def figures(queued):
    return {
        day: {"queued": n, "succeeded": n, "failed": 0, "blocked": 0}
        for day, n in zip(DAYS, queued, strict=True)
    }


def rows(queued):
    return [{"date": day, **each} for day, each in figures(queued).items()]


def changed(*changes):
    numbers = [*SAME]
    for position, difference in changes:
        numbers[position] += difference
    return numbers


def judge(here, held=None, there=SAME, today=TODAY):
    return judged(rows(there), figures(here), today, held or {})


def test_the_days_are_settled_and_in_japans_order():
    assert (DAYS[0], DAYS[-1], len(DAYS)) == ("2026-11-18", "2026-11-25", 8)


@pytest.mark.parametrize("month", range(1, 13))
def test_every_day_is_asked_for_often_enough_whatever_the_month(month):
    """Each night has one request, and one request has one month."""
    first = date(2026, month, 1)
    for day in (first - timedelta(days=1), first, first + timedelta(days=1)):
        nights = [day + timedelta(days=n) for n in range(2, 10)]
        asked = [n for n in nights if month_to_ask(n).month == day.month]
        assert len(asked) >= 3


def test_what_stands_twice_is_missing_and_once_is_not():
    here = changed((3, -7))

    first = judge(here)
    again = judge(here, first)

    assert first["judged"]["queued"]["verdict"] == "again"
    assert first["judged"]["queued"]["missing"] == {}
    assert again["judged"]["queued"]["verdict"] == "missing"
    assert again["judged"]["queued"]["missing"] == {DAYS[3]: 7}


def test_of_two_differences_the_smaller_is_told():
    assert judge(changed((3, -7)), judge(changed((3, -4))))["judged"]["queued"]["missing"] == {
        DAYS[3]: 4
    }


def test_what_came_meanwhile_is_not_missing():
    again = judge(SAME, judge(changed((3, -7))))

    assert again["judged"]["queued"]["verdict"] == "agree"
    assert again["judged"]["queued"]["missing"] == {}


@pytest.mark.parametrize("edge", [0, -1])
def test_a_difference_at_the_edge_may_have_come_from_a_day_that_nobody_sees(edge):
    here = changed((edge, -3))

    assert judge(here, judge(here))["judged"]["queued"]["verdict"] == "unproven"


def test_two_days_are_told_between_two_that_agree():
    here = changed((3, -3), (4, -4), (7, -1))

    assert judge(here, judge(here))["judged"]["queued"]["missing"] == {DAYS[3]: 3, DAYS[4]: 4}


def test_mails_that_moved_to_the_next_day_are_no_gap():
    here = changed((3, -5), (4, 5))

    held = judge(changed((3, -5)))
    found = judge(here, held)

    assert found["judged"]["queued"]["verdict"] == "moved"
    assert found["judged"]["queued"]["missing"] == {}
    # Neither what agreed before nor what differed counts any more.
    assert judge(changed((3, -5)), found)["judged"]["queued"]["verdict"] == "again"


def test_too_few_days_that_agree_prove_nothing():
    here = [n - 1 for n in SAME]
    here[0] += 1

    assert judge(here, judge(here))["judged"]["queued"]["verdict"] == "unproven"


def test_days_with_the_same_figure_prove_nothing():
    there = [1] * 8
    here = [1, 1, 1, 0, 1, 1, 1, 1]

    assert judge(here, judge(here, there=there), there)["judged"]["queued"]["verdict"] == "unproven"


def test_days_without_mails_are_as_good_as_any_neighbour():
    there = [100, 120, 0, 50, 0, 130, 80, 95]
    told = [row for row in rows(there) if row["queued"]]
    here = figures([100, 120, 0, 41, 0, 130, 80, 95])

    again = judged(told, here, TODAY, judged(told, here, TODAY, {}))

    assert again["judged"]["queued"]["missing"] == {DAYS[3]: 9}


def test_what_was_proven_stays_proven_when_most_days_lose():
    held = judge(SAME)
    here = [n - 2 for n in SAME]
    here[0], here[-1] = SAME[0], SAME[-1]

    again = judge(here, judge(here, held))

    assert again["judged"]["queued"]["missing"] == dict.fromkeys(DAYS[1:-1], 2)


def test_a_day_that_nobody_knows_may_have_more():
    there = [row for row in rows(SAME) if row["date"] != DAYS[4]]
    here = figures(changed((3, -7)))

    again = judged(there, here, TODAY, judged(there, here, TODAY, {}))

    assert again["judged"]["queued"]["verdict"] == "unproven"


def test_figures_of_another_month_are_remembered():
    held = judged(rows(SAME)[:4], figures(changed((3, -7))), TODAY, {})

    found = judged(rows(SAME)[4:], figures(changed((3, -7))), TODAY, held)

    assert found["judged"]["queued"]["missing"] == {DAYS[3]: 7}


def test_figures_that_only_an_earlier_run_was_told_are_named():
    first = judged(rows(SAME)[:4], figures(SAME), TODAY, {})
    second = judged(rows(SAME)[4:], figures(SAME), TODAY, first)

    assert (first["remembered"], second["remembered"]) == ([], DAYS[:4])


def test_days_without_mails_and_row_are_not_remembered():
    here = figures([100, 120, 0, 100, 110, 130, 80, 95])
    told = [row for row in rows(SAME) if row["date"] != DAYS[2]]

    again = judged(told, here, TODAY, judged(told, here, TODAY, {}))

    assert (again["figures"][DAYS[2]]["queued"], again["remembered"]) == (0, [])


def test_figures_are_kept_for_forty_days():
    old = {"2026-10-17": {"queued": 1, "succeeded": 1, "failed": 0, "blocked": 0}}

    kept = judged([], {}, TODAY, {"figures": {**old, **figures(SAME)}})["figures"]

    assert [*kept] == DAYS


def row(**changes):
    return {"date": "2026-11-20", **dict.fromkeys(FIGURES, 1), **changes}


@pytest.mark.parametrize(
    "odd",
    [
        *("text", None, {}, row(date="total"), row(date=None), row(date=5)),
        *(row(queued=None), row(failed="many"), {"date": "2026-11-20", "queued": 1}),
        *(row(queued=number) for number in (-4, 5.9, True, "５", "1_0", "1\n", 2**63)),
    ],
)
def test_rows_of_another_form_are_left_out(odd):
    assert figures_of([odd]) == {}


@pytest.mark.parametrize("written", [row(), row(mood="new"), row(date="2026/11/20", queued="1")])
def test_rows_that_are_written_otherwise_are_read(written):
    assert figures_of([written]) == {"2026-11-20": dict.fromkeys(FIGURES, 1)}


def test_a_row_that_is_not_understood_is_no_day_without_mails():
    nothing = {day: dict.fromkeys(FIGURES, 0) for day in settled(TODAY)}
    unread = [row(date=day, queued=None) for day in settled(TODAY)]

    verdicts = [
        {each["verdict"] for each in judged(told, nothing, TODAY, {})["judged"].values()}
        for told in ([], unread)
    ]
    assert verdicts[0] == {"agree"}
    assert "agree" not in verdicts[1]

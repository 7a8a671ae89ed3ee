"""The filters of the page: one value each, and all of them together."""

import pytest


@pytest.mark.parametrize(
    "query",
    [
        "q=a@b&q=c@d",
        "by=to&by=api_data",
        "cause=other&cause=unknown_user",
        "since=2025-01-01&since=2026-01-01",
    ],
)
def test_a_second_value_is_refused(visit, query):
    assert visit.get(f"/mails?{query}").status_code == 400


def test_every_status_may_be_combined_with_a_word_of_each_filter(visit):
    words = ("queued", "deferred", "succeeded", "failed", "bounced", "suppressed", "unknown")
    statuses = "&".join(f"status={word}" for word in words)
    others = "cause=rejected&class=policy&diagnosis=content&composition=pro"

    assert visit.get(f"/mails?{statuses}&{others}").status_code == 200

"""The filters of the page take what people paste, as those of the commands do."""

import pytest

from tests.support.records import make_record


@pytest.mark.parametrize(
    "query",
    [
        "to=GONE@EXAMPLE.JP",
        "to=Taro <gone@example.jp>",
        "to=　＜ｇｏｎｅ＠ｅｘａｍｐｌｅ．ｊｐ＞",
        "domain=@EXAMPLE.jp.",
        "message_id= Message-ID: <mail@example.com>",
    ],
)
def test_what_people_paste_is_understood(visit, post, query):
    post([make_record(to="gone@example.jp", subject="Found")])

    assert "Found" in visit.get(f"/mails?{query}").text


@pytest.mark.parametrize(
    "query",
    ["to=a@b&to=c@d", "cause=other&cause=unknown_user", "since=2025-01-01&since=2026-01-01"],
)
def test_a_second_value_is_refused(visit, query):
    assert visit.get(f"/mails?{query}").status_code == 400


def test_more_than_firestore_can_combine_is_refused(visit):
    words = ("queued", "deferred", "succeeded", "failed", "bounced", "suppressed", "unknown")
    statuses = "&".join(f"status={word}" for word in words)

    assert visit.get(f"/mails?{statuses}&to=A <a@b>&message_id=x").status_code == 200
    assert visit.get(f"/mails?{statuses}&to=A <a@b>&message_id=＜x＞").status_code == 400

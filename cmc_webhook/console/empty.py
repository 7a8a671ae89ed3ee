"""Why there are no mails to show: none at all, none in the period, or none that match."""

from datetime import datetime
from typing import NamedTuple

from cmc_webhook.reading.statuses import Filters, MailStatuses


class Empty(NamedTuple):
    """The key of the text, and the time of the newest mail if only the period has none."""

    key: str
    newest: datetime | None = None


def why_empty(mails: MailStatuses, filters: Filters) -> Empty:
    """Return why *filters* choose no mail; reads one document if there is any."""
    if newest := mails.newest_time(filters):
        return Empty("mails.none_in_period", newest)
    ever = mails.newest_time(Filters())
    return Empty("mails.none_match" if ever else "mails.none_ever")

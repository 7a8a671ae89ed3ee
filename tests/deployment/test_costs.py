"""What a month costs: sizes as Firestore's documentation counts them, and the arithmetic."""

import json
from datetime import datetime

import pytest

from cmc_webhook.deployment import costs
from cmc_webhook.reading.indexes import all_queries
from tests.support.documents import ROOT


def value_size(value):
    """Return the bytes of a value (https://cloud.google.com/firestore/docs/storage-size)."""
    if isinstance(value, bool):
        return 1
    if isinstance(value, (int, float, datetime)):
        return 8
    if isinstance(value, str):
        return len(value.encode()) + 1
    if isinstance(value, list):
        return sum(map(value_size, value))
    return sum(value_size(name) + value_size(each) for name, each in value.items())


def entries(name_size, path, value):
    """Return the bytes of the automatic entries of a field: both orders, and each element."""
    around = name_size + value_size(path) + 32
    elements = value if isinstance(value, list) else []
    return 2 * (around + value_size(value)) + sum(around + value_size(each) for each in elements)


@pytest.fixture
def sizes(make_function, documents):
    """Bytes of the document of CMC's example, of its index entries, and of all automatic ones."""
    function = make_function(CMC_ALLOW_UNAUTHENTICATED="true", CMC_RETENTION_DAYS="365")
    post = json.loads((ROOT / "tests/payloads/succeeded.json").read_text())
    for status in ("queued", "succeeded"):
        post["event"]["deliveries"][0]["status"] = status
        function.post("/", json=post)
    [(document_id, fields)] = documents().items()
    name = value_size("mail_statuses") + value_size(document_id) + 16
    mails = all_queries()[0]
    exempted = mails.exempted()
    composite = [
        name + value_size(fields[path]) + value_size(fields[mails.newest_by]) + 32
        for path in mails.filters
        if path in fields
    ]
    single = {path: entries(name, path, value) for path, value in fields.items()}
    kept = [size for path, size in single.items() if path not in exempted]
    return name + value_size(fields) + 32, sum(kept) + sum(composite), sum(single.values())


def test_the_sizes_are_those_of_a_stored_mail(sizes):
    document, indexes, automatic = sizes

    # A new index or field may change them a little before anybody needs another figure.
    assert document == pytest.approx(costs.MAIL["document_bytes"], rel=0.15)
    assert indexes == pytest.approx(costs.MAIL["index_bytes"], rel=0.15)
    assert automatic == pytest.approx(costs.MAIL["automatic_index_bytes"], rel=0.15)


def test_the_size_of_the_documented_example():
    """The example of Google's page: 71 bytes of fields."""
    fields = {"type": "Personal", "done": False, "priority": 1, "description": "x" * 21}

    assert value_size(fields) == 71


def test_a_million_mails():
    found = costs.monthly_costs(1_000_000)

    assert found["writes"] == pytest.approx(2.3575)  # 2.05 million at 0.115 for 100,000
    assert found["run"] == pytest.approx(2.05 * (2.65 + 0.4))
    kept = 12 * 1_000_000 * costs.MAIL["index_bytes"] / 2**30  # GiB after a year
    assert found["indexes"] == pytest.approx(kept * 0.115)
    assert found["log"] == 0


def test_what_grows_with_what():
    month = costs.monthly_costs(100_000)
    of_100, twice = costs.monthly_costs(100_000, 365, 100), costs.monthly_costs(100_000, 730)

    assert of_100["run"] == pytest.approx(month["run"] / 100)
    assert twice["indexes"] == pytest.approx(2 * month["indexes"])
    assert twice["writes"] == month["writes"]
    # 50 GiB of log are free, and the rest is not.
    assert costs.monthly_costs(20_000_000)["log"] > 0

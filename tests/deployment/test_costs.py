"""What a month costs: sizes as Firestore's documentation counts them, and the arithmetic."""

import json
import math
from datetime import datetime

import pytest

from cmc_webhook.deployment import costs
from cmc_webhook.reading.indexes import all_queries
from cmc_webhook.reading.texts import LANGUAGES, load
from tests.support.documents import ROOT, Document


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
        name + value_size(fields[path]) + value_size(fields[last]) + 32
        for path, _, last in mails.composites()
        if path in fields and last in fields
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


MAILS = (10_000, 100_000, 1_000_000)
COST = {"en": Document(".github/COST.md"), "ja": Document(".github/COST.ja.md")}
each_language = pytest.mark.parametrize("language", LANGUAGES)


def columns(values):
    return [f"{value:.2f}" for value in values]


def the_table(document, row):
    """Return the rows, without the headings, of the one table whose first row begins so."""
    [rows] = [table[1:] for table in document.tables() if table[1][0] == row]
    return rows


@each_language
def test_the_documented_month_is_the_computed_one(language):
    texts = load(language)
    months = [costs.monthly_costs(mails) for mails in MAILS]
    parts = [[texts[f"cost.{part}"], *columns(m[part] for m in months)] for part in months[0]]
    total = [texts["cost.total"], *columns(sum(month.values()) for month in months)]

    assert the_table(COST[language], texts["cost.writes"]) == [*parts, total]


@each_language
def test_the_documented_prices_are_those_of_the_arithmetic(language):
    [_, rows, *_] = COST[language].tables()
    prices = {name: usd * (1e6 if usd < 1e-3 else 1) for name, usd in costs.PRICES.items()}

    assert [float(row[1]) for row in rows[1:]] == pytest.approx([*prices.values()])


@each_language
def test_the_documented_backups_are_the_computed_ones(language):
    *_, rows = COST[language].tables()
    parts = ("document_bytes", "index_bytes")
    gib = [sum(costs.stored_gib(mails, 365, part) for part in parts) for mails in MAILS]
    prices = costs.PRICES

    assert [row[1:] for row in rows[1:]] == [
        columns(gib),
        columns(7 * each * prices["backup_gib"] for each in gib),
        columns(each * prices["restored_gib"] for each in gib),
        columns(each * prices["recovery_gib"] for each in gib),
    ]


@each_language
def test_the_figures_in_the_text_are_computed(language):
    text = COST[language].prose
    mail, million = costs.MAIL, 1_000_000
    events = million * mail["events"]
    automatic = costs.stored_gib(million, 365, "automatic_index_bytes")

    for figure in (
        *(f"{mail[name]:,}" for name in ("document_bytes", "index_bytes", "automatic_index_bytes")),
        f"{mail['events']}", f"{automatic * costs.PRICES['stored_gib']:.2f} USD",
        f"{costs.monthly_costs(million, 365, 100)['run']:.2f} USD",
        f"{100_000 * costs.PRICES['read']:.2f} USD", f"{events / 3600:.0f}",
        f"{math.ceil(events / 500 / 60)}",
    ):  # fmt: skip
        assert figure in text, figure

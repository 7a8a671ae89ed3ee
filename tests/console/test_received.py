"""Received mail on the page: list, mail and files of what the real function has stored."""

import base64
import html
import itertools
import re

import pytest
from google.cloud.storage.retry import DEFAULT_RETRY

from cmc_webhook.console.downloads import safe_name
from tests.support.mails import cmc_json, cmc_multipart, file
from tests.support.processes import free_port

pytestmark = pytest.mark.usefixtures("bucket")

SOON = {"timeout": 0.5, "retry": DEFAULT_RETRY.with_timeout(0.5)}
JAPANESE = "請求書 2025年.pdf"


@pytest.fixture
def keep(inbound, documents):
    """Post a mail to the function; return the id and the fields of its document."""

    def send(body):
        assert inbound.post("/", data=body).json["stored"] == 1
        [(document_id, fields)] = documents("inbound_mails").items()
        return document_id, fields

    return send


def links(visit, path):
    """Return the files of the page at *path*: name by URL."""
    found = re.findall(r'<li><a href="([^"]+)">(?:<bdi>)?([^<]+)', visit.get(path).text)
    return {html.unescape(address): html.unescape(name) for address, name in found}


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"x" * 3_000_000], ids=len)
def test_an_attachment_is_given_out_as_it_was_sent(keep, visit, content):
    document_id, _ = keep(cmc_multipart(file(1, content, JAPANESE, "text/html")))
    [(address, name)] = links(visit, f"/received/{document_id}").items()
    answer = visit.get(address)

    assert name == JAPANESE
    assert answer.data == content
    assert answer.headers["Content-Length"] == str(len(content))


def test_a_browser_saves_an_attachment_and_never_shows_it(keep, visit):
    document_id, _ = keep(cmc_multipart(file(1, b"<script>", JAPANESE, "text/html")))
    headers = visit.get(f"/received/{document_id}/attachments/1").headers

    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\" 2025.pdf\"; filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8"
        "%202025%E5%B9%B4.pdf"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('a"; filename=x.exe', "a_; filename=x.exe"),
        ("a\r\nSet-Cookie: x=y.txt", "a  Set-Cookie_ x=y.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\a.txt", "a.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066\u200f", "attachment-1"),
        ("..", "attachment-1"),
        ("語" * 80 + ".pdf", "語" * 65 + ".pdf"),
        ("%2e%2e%2f語.txt", "_2e_2e_2f語.txt"),
    ],
)
def test_a_hostile_file_name_does_no_harm(keep, visit, given, expected):
    word = f"=?UTF-8?B?{base64.b64encode(given.encode()).decode()}?="
    document_id, _ = keep(cmc_multipart(file(1, b"x", word)))
    [(address, name)] = links(visit, f"/received/{document_id}").items()
    answer = visit.get(address)

    assert re.sub(" +", " ", name) == re.sub(" +", " ", expected)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("given", ["a\r\nb", "a\x00b", "a/b", "a\\b", "\ud83d", "a\u2028b", 'a"b'])
def test_no_file_name_ends_a_header_or_separates_a_path(given):
    assert not set(safe_name(given, "other")) & set('\r\n\0/\\"\u2028\ud83d')


def test_only_what_the_function_kept_for_the_mail_is_given_out(keep, visit, client, bucket):
    document_id, fields = keep(cmc_multipart(file(1, b"mine", "a.txt")))
    sha256 = fields["attachments"][0]["sha256"]
    for name in (f"other/{sha256}", f"{document_id}/name", sha256):
        bucket.blob(name).upload_from_string(b"not yours")
    gs = f"gs://{bucket.name}"
    for place in (
        *(f"{gs}/other/{sha256}", f"{gs}/{document_id}/name", f"{gs}/{sha256}"),
        *(f"{gs}/{document_id}/../other/{sha256}", f"{gs}/{document_id}/{sha256}/..", gs, ""),
        *(f"gs://../{document_id}/{sha256}", f"http://x/{document_id}/{sha256}", "/etc/passwd"),
    ):
        changed = {"attachments": [{"stored_at": place, "file_name": "a.txt"}]}
        client.document(f"inbound_mails/{document_id}").update(changed)
        answer = visit.get(f"/received/{document_id}/attachments/1")
        assert (answer.status_code, b"not yours" in answer.data) == (404, False), place


@pytest.mark.parametrize("number", ["0", "2", "-1", "1.0", "one", "99999999999999999999", "1/.."])
def test_an_attachment_that_is_not_there_is_not_found(keep, visit, number):
    document_id, _ = keep(cmc_multipart(file(1, b"x", "a.txt")))

    assert visit.get(f"/received/{document_id}/attachments/{number}").status_code == 404


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "not in Cloud Storage"), ("ja", "Cloud Storageにありません")]
)
def test_a_file_that_is_gone_is_one_sentence(keep, visit, bucket, language, sentence):
    document_id, _ = keep(cmc_multipart(file(1, b"x", "a.txt")))
    for blob in bucket.list_blobs():
        blob.delete()
    address = f"/received/{document_id}/attachments/1"
    answer = visit.get(address, headers={"Accept-Language": language})

    assert answer.status_code == 404
    assert sentence in answer.text
    assert "Content-Disposition" not in answer.headers


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_storage_that_does_not_answer_is_one_sentence(keep, make_visit, monkeypatch, language):
    document_id, _ = keep(cmc_multipart(file(1, b"x", "a.txt")))
    monkeypatch.setattr("cmc_webhook.reading.objects._PATIENCE", SOON)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    address = f"/received/{document_id}/attachments/1"
    answer = make_visit().get(address, headers={"Accept-Language": language})

    assert answer.status_code == 502
    assert {"en": "Try again later", "ja": "もう一度お試しください"}[language] in answer.text
    assert "Traceback" not in answer.text


def test_a_local_page_never_asks_googles_storage(keep, make_visit, monkeypatch):
    document_id, _ = keep(cmc_multipart(file(1, b"x", "a.txt")))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    answer = make_visit().get(f"/received/{document_id}/attachments/1")

    assert answer.status_code == 404
    assert "set STORAGE_EMULATOR_HOST" in answer.text


def test_a_text_too_long_for_firestore_is_given_out_as_it_came(keep, visit):
    text = "長い" * 200_000
    document_id, fields = keep(cmc_json(text=text))
    [(address, name)] = links(visit, f"/received/{document_id}").items()
    answer = visit.get(address)

    assert "text" not in fields
    assert name == "Text as received"
    assert answer.data.decode() == text
    assert answer.headers["Content-Disposition"] == "attachment; filename=text.txt"
    assert visit.get(f"/received/{document_id}/attachments/2").status_code == 404


def test_a_japanese_mail_is_shown_as_it_was_sent(keep, visit):
    document_id, _ = keep(cmc_json(html="<p>" + "日本語</p><script>x()</script>"))
    text = visit.get(f"/received/{document_id}").text
    frame = visit.get(f"/received/{document_id}/html")

    assert "<bdi>山田</bdi> &lt;<bdi>sender@example.org</bdi>&gt;" in text
    assert "署名" in text
    assert "<dd>address: sender@example.org name: 山田</dd>" in text
    assert "Documents read: 2." in text  # the frame reads it again
    assert "<h1>テスト</h1>" in text
    assert re.search(f'<iframe sandbox title="[^"]+" src="/received/{document_id}/html">', text)
    assert frame.text == "<p>日本語</p>"
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; ")


def test_a_mail_without_a_text_says_so(keep, visit):
    document_id, _ = keep(cmc_json(html="", text=""))

    assert "This mail has no text." in visit.get(f"/received/{document_id}").text


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("application/pdf", "attachment-1.pdf"), ("message/rfc822", "attachment-1.eml"),
     ("text/html; charset=x", "attachment-1.html.txt"),
     ("application/x-msdownload", "attachment-1")],
)  # fmt: skip
def test_a_file_without_a_name_gets_the_ending_of_its_type(keep, visit, kind, expected):
    document_id, _ = keep(cmc_multipart(file(1, b"x", "", kind)))

    assert list(links(visit, f"/received/{document_id}").values()) == [expected]


def test_the_mails_are_where_the_setting_says(make_inbound, make_visit):
    function = make_inbound(CMC_ALLOW_UNAUTHENTICATED="true", CMC_INBOUND_COLLECTION="mail")
    function.post("/", data=cmc_json(subject="ここにある", headers=[]))

    assert "ここにある" in make_visit().get("/received").text


def test_received_mails_are_listed_page_by_page(inbound, walk):
    for number in range(120):
        headers = [{"name": "Message-ID", "value": f"<{number}@example.org>"}]
        inbound.post("/", data=cmc_json(subject=f"Question {number}", headers=headers))

    pages = walk("/received", r">(Question \d+)<")
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [*itertools.chain(*pages)] == [f"Question {number}" for number in reversed(range(120))]


@pytest.fixture
def four(inbound):
    """Four mails: of two senders, to two recipients."""
    for number in range(4):
        inbound.post(
            "/",
            data=cmc_json(
                **{"envelope-to": ["desk@example.jp", "Sales@example.jp"][number // 2]},
                subject=f"Mail {number}",
                headers=[
                    {
                        "name": "From",
                        "value": f"山田 <{['taro', 'Hanako'][number % 2]}@example.org>",
                    },
                    {"name": "Message-ID", "value": f"<{number}@example.org>"},
                ],
            ),
        )


def found(visit, query):
    return sorted(re.findall(r">(Mail \d)<", visit.get(f"/received?{query}").text))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Mail 0", "Mail 1", "Mail 2", "Mail 3"]),
        ("sender=taro@example.org", ["Mail 0", "Mail 2"]),
        ("sender=山田 <TARO@example.org>", ["Mail 0", "Mail 2"]),
        ("sender=Hanako@example.org", ["Mail 1", "Mail 3"]),
        ("sender=ｔａｒｏ＠example.org&recipient=", ["Mail 0", "Mail 2"]),
        ("recipient=DESK@example.jp", ["Mail 0", "Mail 1"]),
        ("recipient=Sales@example.jp", ["Mail 2", "Mail 3"]),
        ("sender=taro@example.org&recipient=desk@example.jp&period=24h", ["Mail 0"]),
        ("sender=taro@example.org&until=2025-01-01", []),
        ("period=7d", ["Mail 0", "Mail 1", "Mail 2", "Mail 3"]),
        ("since=2025-01-01&until=2025-01-02", []),
        ("sender=taro", []),
    ],
)
def test_received_mails_are_searched_by_sender_recipient_and_period(four, visit, query, expected):
    assert found(visit, query) == expected


def test_nothing_found_says_how_addresses_are_compared(four, visit):
    text = visit.get("/received?sender=taro", headers={"Accept-Language": "ja"}).text

    assert "条件に合う受信メールはありません。(アドレスは、入力のままか小文字で、完全一致で" in text
    assert 'name="sender" value="taro"' in text


@pytest.mark.parametrize(
    "query", ["sender=a&sender=b", "period=x", "since=x", "sender=" + "x" * 1501]
)
def test_a_search_that_cannot_be_read_is_refused(visit, query):
    assert visit.get(f"/received?{query}").status_code == 400


def test_the_pages_of_a_search_keep_it(inbound, walk):
    for number in range(60):
        headers = [
            {"name": "Message-ID", "value": f"<{number}@example.org>"},
            {"name": "From", "value": "<one@example.org>"},
        ]
        inbound.post("/", data=cmc_json(subject=f"Question {number}", headers=headers))

    pages = walk("/received?sender=one@example.org&period=24h", r">(Question \d+)<")
    assert [len(page) for page in pages] == [50, 10]


@pytest.fixture
def refused(inbound, documents, bucket):
    """Post something that is not a mail; return its id in quarantine."""
    inbound.post("/", data=b"a=<b>&b=2")
    [entry_id] = documents("inbound_mails_quarantine")
    return entry_id


def test_a_post_that_is_no_mail_is_listed_given_out_and_deleted(refused, visit, token, documents):
    path = f"/quarantine/received/{refused}"
    listed = visit.get("/quarantine/received").text
    content = visit.get(f"{path}/content")

    assert f'href="{path}">fields of no known provider</a>' in listed
    assert "9 bytes" in listed
    assert f"inbound_mails_quarantine/{refused}" in visit.get(path).text
    assert content.data == b"a=<b>&b=2"
    assert content.headers["Content-Disposition"] == f"attachment; filename={refused}.txt"

    form = {"token": token(path)}
    assert visit.post(f"{path}/delete", data=form).status_code == 403
    text = visit.post(f"{path}/delete", data={**form, "sure": "on"}).text
    assert documents("inbound_mails_quarantine") == {}
    assert 'data-here="/quarantine/received"' in text
    assert "Deleted." in text


def test_no_quarantine_gives_out_or_deletes_what_is_in_the_other(refused, visit, token, client):
    form = {"token": token(f"/quarantine/received/{refused}"), "sure": "on"}
    entry = client.document(f"inbound_mails_quarantine/{refused}")
    entry.update({"stored_at": entry.get().get("stored_at").replace("quarantine/", "other/")})

    assert visit.get(f"/quarantine/received/{refused}/content").status_code == 404
    assert visit.post(f"/quarantine/{refused}/delete", data=form).status_code == 404
    assert visit.post(f"/quarantine/{refused}/replay", data=form).status_code == 404
    assert visit.post(f"/quarantine/received/{refused}/replay", data=form).status_code == 404
    assert entry.get().exists


def test_the_quarantine_of_received_mail_is_not_changed_unless_it_is_allowed(refused, make_visit):
    visit = make_visit(may_change=False)
    path = f"/quarantine/received/{refused}"
    form = {"token": visit.application.jinja_env.globals["token"], "sure": "on"}

    assert 'method="post"' not in visit.get(path).text
    assert visit.post(f"{path}/delete", data=form).status_code == 403
    assert visit.get(path).status_code == 200

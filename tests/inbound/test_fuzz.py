"""Received mails with random damage: never a 500, and nothing of the mail in the log."""

import json
import random

from tests.support.fuzz import KEY, damage
from tests.support.mails import HEADERS, cmc_json, cmc_multipart, file, sendgrid

MARKED = HEADERS.replace("sender@", "MARKERsender@").replace("Subject: ", "Subject: MARKER")
RAW = (
    f"{MARKED}Content-Type: multipart/mixed; boundary=b\n\n"
    "--b\nContent-Type: text/plain; charset=iso-2022-jp\n\nMARKER\n"
    "--b\nContent-Type: application/pdf; name*0*=utf-8''MARKER; name*1*=%E8\n"
    'Content-Disposition: attachment; filename="=?utf-8?b?44GC?=MARKER"\n'
    "Content-Transfer-Encoding: base64\n\nAAAA\n--b--\n"
)
MAILS = (
    sendgrid(file(1, b"MARKER", "MARKER.txt"), headers=MARKED, api_key=KEY),
    sendgrid(headers=..., email=RAW, api_key=KEY),
    sendgrid(
        file(1, b"MARKER", "=?utf-8?b?44GC\n 44GE?=.txt"),
        headers=MARKED.replace("UTF-8?B?", "gb2312?Q?"),
        text="MARKER 本".encode("cp932"),
        charsets={"text": "gb2312"},
        attachment_info={"attachment1": {"name": "MARKER"}},
        api_key=KEY,
    ),
    cmc_json(text="MARKER", api_key=KEY),
    cmc_multipart(file(1, b"MARKER", "MARKER見積.pdf"), text="MARKER", api_key=KEY),
)


def make_mail(seed):
    rng = random.Random(seed)
    body = rng.choice(MAILS)
    for _ in range(rng.choice([1, 1, 3, 20])):
        body = damage(rng, body)
    return body


def test_posts(make_inbound, fuzz_seeds, capsys):
    guarded = make_inbound(CMC_API_KEYS=KEY)
    statuses = set()
    for seed in fuzz_seeds[::10]:
        answer = guarded.post("/", data=make_mail(seed))

        assert answer.status_code in (200, 400, 401), f"seed {seed}"
        assert answer.is_json, f"seed {seed}"
        captured = capsys.readouterr()
        assert "MARKER" not in answer.text + captured.out + captured.err, f"seed {seed}"
        assert all(json.loads(line) for line in captured.out.splitlines()), f"seed {seed}"
        statuses.add(answer.status_code)
    assert statuses >= {200, 401}

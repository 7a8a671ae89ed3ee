"""Mails of every form and charset are stored as their senders wrote them."""

import random

import pytest

from tests.support.received import (
    CODECS,
    FORMS,
    expected_fields,
    found_fields,
    received_mail,
    received_post,
)


@pytest.mark.parametrize("form", FORMS)
def test_received_mails_are_stored_as_they_were_written(inbound, mails, objects, form):
    rng = random.Random(form)
    sent = [received_mail(form, number, rng) for number in range(40)]
    posts = [received_post(mail) for mail in sent]
    rng.shuffle(posts)

    for body in [*posts, *posts[:10]]:
        answer = inbound.post("/", data=body)
        assert (answer.status_code, answer.json["quarantined"]) == (200, 0)

    assert {mail["charset"] for mail in sent} == {*CODECS}
    found = {mail["message_id"]: mail for mail in mails()}
    assert len(mails()) == len(sent)
    for mail in sent:
        expected = expected_fields(mail)
        assert found_fields(found[mail["message_id"]], expected) == expected
    contents = [content for mail in sent for _, _, content in mail["files"]]
    assert {*objects().values()} == {*contents}

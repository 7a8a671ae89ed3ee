"""
Processes are killed, senders hang up or stall: what was answered 2xx is stored, and all else can be
posted again.
"""

import http.client
import itertools
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.ledger import ADDRESSES, Ledger, body_of, shuffled_posts
from tests.support.processes import PATIENCE_S, Program, free_port, until
from tests.support.records import as_json, make_post, make_record

OPEN = {"CMC_ALLOW_UNAUTHENTICATED": "true", "THREADS": "4"}


def status_of(server, body):
    """Return the status of the answer, 0 if the connection broke before there was one."""
    try:
        return server.post(*body)[0]
    except (OSError, http.client.HTTPException):
        return 0


class Senders:
    """Four threads that post until stop(), and note every answer."""

    def __init__(self, posts, rng):
        self.ledger, self.unanswered = Ledger(), []
        self._left = len(posts)
        self._jobs = iter([(post, body_of(post, rng)) for post in posts])
        self._lock, self._stop = threading.Lock(), threading.Event()

    def run(self, server):
        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(self._send, server)

    def stop(self):
        self._stop.set()

    def busy(self):
        """Whether something is still to be posted or answered."""
        return self._left > 0

    def _send(self, server):
        while not self._stop.is_set():
            with self._lock:
                job = next(self._jobs, None)
            if job is None:
                return
            started = time.monotonic()
            status = status_of(server, job[1])
            with self._lock:
                self._left -= 1
                self.ledger.note(job[0], status, time.monotonic() - started)
                if status != 200:
                    self.unanswered.append(job)

    def repeat(self, server):
        """Post what is left and what was not answered 200 until it is."""
        for post, body in itertools.chain(self.unanswered, self._jobs):
            until(lambda body=body: status_of(server, body) == 200)
            self.ledger.note(post, 200)


def during(senders, server, action, after):
    """Let *senders* post to *server*, and call *action* after some seconds."""

    def wait():
        time.sleep(after)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    senders.run(server)
    thread.join()


@pytest.mark.repeat("round_number", "--rounds")
def test_the_function_is_killed_under_load(round_number, serve, documents, tally):
    rng = random.Random(round_number)
    senders = Senders(shuffled_posts(mails=150, size=10, rng=rng), rng)
    killed = serve(**OPEN)

    def kill():
        for pid in killed.pids():
            Program.kill(pid)
        senders.stop()

    during(senders, killed, kill, after=rng.uniform(0.02, 0.2))
    unanswered = bool(senders.unanswered)  # it was killed in the middle
    senders.ledger.check(documents(), documents(ADDRESSES))

    senders.repeat(serve(**OPEN))
    tally(
        "function killed",
        senders.ledger,
        documents(),
        documents(ADDRESSES),
        planned=1,
        fired=unanswered,
    )


@pytest.mark.builtin
@pytest.mark.repeat("round_number", "--rounds")
@pytest.mark.parametrize("both", [False, True])
def test_firestore_is_killed_under_load(
    both, round_number, serve, tmp_path, monkeypatch, client, tally
):
    """It is started again at once, with what it had written."""
    rng = random.Random(2 * round_number + both)
    port = free_port()
    options = ["--only-firestore", "--firestore-port", str(port), "--data", str(tmp_path / "data")]
    environ = OPEN | {"FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{port}"}
    senders = Senders(shuffled_posts(mails=150, size=10, rng=rng), rng)
    firestore = Program("cmc_webhook", "devserver", *options)
    firestore.wait_for(port)
    function = serve(**environ)
    killed = []

    def kill():
        nonlocal firestore
        killed.append(senders.busy())
        for pid in [firestore.process.pid, *(function.pids() if both else ())]:
            Program.kill(pid)
        firestore.stop()
        firestore = Program("cmc_webhook", "devserver", *options)
        if both:
            senders.stop()

    during(senders, function, kill, after=rng.uniform(0.02, 0.2))
    firestore.wait_for(port)
    senders.repeat(serve(**environ) if both else function)

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    restarted = type(client)(project=client.project)
    documents, addresses = (
        {snapshot.id: snapshot.to_dict() for snapshot in restarted.collection(name).stream()}
        for name in ("mail_statuses", ADDRESSES)
    )
    firestore.stop()
    fault = "function and Firestore killed" if both else "Firestore killed"
    tally(fault, senders.ledger, documents, addresses, planned=1, fired=sum(killed))


def test_posts_that_were_accepted_are_finished_at_a_polite_stop(serve, documents):
    server = serve(**OPEN | {"THREADS": "8"})
    bodies = [as_json(make_post([make_record(messageId=f"<{i}@example.com>")])) for i in range(4)]
    connections = []
    for body, _ in bodies:  # all but the last byte
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        connection.sendall(_head(len(body)) + body[:-1])
        connections.append(connection)
    server.post(b"")  # connections are accepted in their order: this one after those

    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)  # nothing outside shows that the signal has come
    answers = []
    for (body, _), connection in zip(bodies, connections, strict=True):
        connection.sendall(body[-1:])
        answers.append(connection.recv(65536))
        connection.close()

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 4
    assert len(documents()) == 4
    assert server.process.wait(PATIENCE_S) == 0


def _head(length):
    lines = ["POST / HTTP/1.1", "Host: localhost", f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.999])
def test_a_sender_that_hangs_up_harms_nobody(serve, documents, quarantine, share):
    """It hangs up in the header, in the body and one byte before the end."""
    server = serve(**OPEN)
    body, _ = as_json(make_post([make_record()]))
    whole = _head(len(body)) + body
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
            connection.sendall(whole[: int(len(whole) * share)])
    assert server.post(body)[0] == 200

    assert len(documents()) == 1
    assert quarantine() == []


def test_a_sender_that_does_not_wait_for_the_answer_is_stored(serve, documents):
    server = serve(**OPEN)
    body, _ = as_json(make_post([make_record()]))
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(_head(len(body)) + body)

    until(documents)
    assert server.post(body)[1]["unchanged"] == 1


@pytest.mark.parametrize("stall_at", [10, 60])
def test_others_are_served_while_fewer_senders_stall_than_there_are_threads(serve, stall_at):
    server = serve(**OPEN)
    body, _ = as_json(make_post([make_record()]))
    whole = _head(len(body)) + body
    stalled = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    for connection in stalled:
        connection.sendall(whole[:stall_at])

    # Connections are accepted in their order: these after those that stall.
    assert [server.post(body)[0] for _ in range(20)] == [200] * 20

    for connection in stalled:  # the slow are served, too
        connection.sendall(whole[stall_at:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.close()

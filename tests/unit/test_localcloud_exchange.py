"""How endpoints ask a container: its answers in every framing, and what is no answer."""

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from urllib3.util import wait_for_read

from localcloud.sagemaker.exchange import Announcement, ContainerConnection, ContainerEnded, NotReady, TooSlow
from localcloud.sagemaker.hosting import GUARD

ASKED = b"POST /invocations HTTP/1.1\r\n"


@pytest.fixture
def container() -> Iterator[Callable[..., ContainerConnection]]:
    """Answers the requests of one connection after the other with the given bytes, and then hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(answers: tuple[bytes, ...], hangs_up: bool) -> None:
        accepted, _ = listening.accept()
        with accepted:
            for answer in answers:
                assert accepted.recv(65_536).startswith(ASKED)
                accepted.sendall(answer)
            if not hangs_up:
                accepted.recv(1)

    def start(*answers: bytes, hangs_up: bool = True) -> ContainerConnection:
        threading.Thread(target=serve, args=(answers, hangs_up), daemon=True).start()
        return ContainerConnection(listening.getsockname()[1])

    with listening:
        yield start


def ask(connection: ContainerConnection, seconds: float = 30) -> tuple[int, str, bytes]:
    answer = connection.ask("POST", "/invocations", b"x", {"Accept": "text/plain"}, seconds)
    return answer.status, answer.content_type, answer.body


@pytest.mark.parametrize(
    "framed",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngood",
        b"HTTP/1.1 200\r\ncontent-type:text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\ng\r\n3;a=b\r\nood\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\ngood",
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngood",
    ],
)
def test_an_answer_is_read_however_it_is_framed(container, framed):
    assert ask(container(framed)) == (200, "text/plain", b"good")


def test_a_connection_is_kept_and_opened_again_once_the_container_has_closed_it(container):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    connection = container(answer + b"1", answer + b"2")
    assert [ask(connection)[2] for _ in range(2)] == [b"1", b"2"]
    assert connection._socket is not None and wait_for_read(connection._socket, timeout=60), "not closed"
    container(answer + b"3")
    assert ask(connection)[2] == b"3"


def test_what_a_container_sends_beyond_an_answer_is_no_part_of_the_next(container):
    connection = container(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2",
    )
    assert [ask(connection)[0] for _ in range(2)] == [204, 200]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"good",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ngood",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ngood\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ngood\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    ],
)
def test_what_is_no_whole_answer_is_a_container_that_died(container, broken):
    with pytest.raises(ContainerEnded):
        ask(container(broken))


def test_a_silent_container_is_too_slow_and_an_absent_one_not_ready(container):
    with pytest.raises(TooSlow):
        ask(container(b"", hangs_up=False), seconds=0.05)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NotReady):
        ask(ContainerConnection(port))


def test_a_header_cannot_bring_another_header_along():
    with pytest.raises(ValueError, match="line end"):
        ContainerConnection(1).ask("POST", "/invocations", b"", {"Accept": "text/plain\r\nHost: other"}, 30)


GUARDED = """
import socket
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    while True:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 204 No Content\\r\\nConnection: close\\r\\n\\r\\n")
"""


def test_a_guarded_server_hears_a_connection_that_was_announced_and_each_once(tmp_path):
    announcement = Announcement(tmp_path / "announced")
    variables = {"PYTHONPATH": str(GUARD), "LOCALCLOUD_ANNOUNCEMENT_FILE": str(tmp_path / "announced")}
    server = subprocess.Popen(
        [sys.executable, "-c", GUARDED], env=os.environ | variables, stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(server.stdout.readline())
        cloud, other = ContainerConnection(port, announcement), ContainerConnection(port)
        assert ask(other)[0] == 204, "the cloud has not found it yet"
        for _ in range(2):
            assert ask(cloud)[0] == 204
            with pytest.raises(ContainerEnded):
                ask(other)
        announcement.make(port, 1)
        with pytest.raises(ContainerEnded):
            ask(other)
        assert (tmp_path / "announced").read_bytes()[:4] == struct.pack("=HH", 1, port)
        assert ask(cloud)[0] == 204
        assert (tmp_path / "announced").read_bytes()[:4] == struct.pack("=HH", 0, port), "it counts once"
    finally:
        server.kill()
        server.communicate()

"""Downloading against a server that breaks off, forgets, lies or is not there."""

import hashlib
import http.server
import re
import threading

import pytest

from sentiment.data import download as module
from sentiment.data.download import download
from sentiment.errors import DatasetError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; `break_after` bytes it hangs up, as long as `breaks` lasts."""

    ranges: list[str | None]
    breaks = 0
    break_after = 300_000
    understands_ranges = True
    status = 200

    def do_GET(self):
        type(self).ranges.append(self.headers.get("Range"))
        if self.status != 200:
            self.send_error(self.status)
            return
        start = 0
        if self.understands_ranges and (match := re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")):
            start = int(match.group(1))
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        if self.breaks:
            type(self).breaks -= 1
            self.wfile.write(CONTENT[start : start + self.break_after])
            return
        self.wfile.write(CONTENT[start:])

    def log_message(self, *arguments):
        """The tests' output stays clean."""


@pytest.fixture
def server():
    handler = type("Handler", (Server,), {"ranges": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        handler.url = f"http://127.0.0.1:{running.server_address[1]}/reviews.tar.gz"
        yield handler
        running.shutdown()
        thread.join()


def fetch(server, folder, sha256=SHA256):
    return download(server.url, folder / "reviews.tar.gz", sha256, progress=False, pause=0)


def test_a_broken_off_download_is_continued(server, tmp_path):
    server.breaks = 2
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert [file.name for file in tmp_path.iterdir()] == ["reviews.tar.gz"]


def test_a_later_run_continues_an_earlier_one(server, tmp_path):
    (tmp_path / "reviews.tar.gz.part").write_bytes(CONTENT[:500])
    fetch(server, tmp_path)
    assert server.ranges == ["bytes=500-"]


def test_a_complete_part_is_not_fetched_again(server, tmp_path):
    (tmp_path / "reviews.tar.gz.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.understands_ranges = False
    (tmp_path / "reviews.tar.gz.part").write_bytes(b"something else")
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_what_is_there_is_not_fetched(server, tmp_path):
    (tmp_path / "reviews.tar.gz").write_bytes(CONTENT)
    fetch(server, tmp_path)
    assert server.ranges == []


def test_wrong_content_is_refused_and_removed(server, tmp_path):
    with pytest.raises(DatasetError, match="checksum differs"):
        fetch(server, tmp_path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (503, module.ATTEMPTS)])
def test_an_error_of_the_server_is_named(server, tmp_path, status, requests):
    server.status = status
    with pytest.raises(DatasetError, match=f"the server answered {status}"):
        fetch(server, tmp_path)
    assert len(server.ranges) == requests


def test_no_server_says_what_to_do(tmp_path):
    with pytest.raises(
        DatasetError, match=r"could not be downloaded \(.*refused.*put the file at .*reviews.tar.gz"
    ):
        download(
            "http://127.0.0.1:9/reviews.tar.gz", tmp_path / "reviews.tar.gz", SHA256, progress=False, pause=0
        )

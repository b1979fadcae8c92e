"""How the web server reads requests: each in one way only, in any pieces, and quickly whatever is in them."""

from __future__ import annotations

import pytest
from waitress.adjustments import Adjustments

from selfhost.request_parser import MAX_CHUNK_LINE_BYTES, MAX_TRAILER_BYTES, Parser

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nhost: x\r\n\r\n"
PIECES = pytest.mark.parametrize("size", [1, 2, 7, 1_000_000])


def read(data: bytes, size: int = 1_000_000) -> list[tuple[str, bytes] | int]:
    """Path and body of each request in the data, which comes in pieces; the status of one that is refused."""
    requests: list[tuple[str, bytes] | int] = []
    parser = Parser(Adjustments(max_request_header_size=32_768))
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        while piece:
            piece = piece[parser.received(piece) :]
            if parser.error:
                return [*requests, parser.error.code]
            if parser.completed:
                requests.append((parser.path, parser.get_body_stream().read()))
                parser.close()
                parser = Parser(Adjustments(max_request_header_size=32_768))
    return requests


@PIECES
@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (POST + b"content-length: 3\r\n\r\nabc", b"abc"),
        (POST + b"Content-Length:\t3 \r\n\r\nabc", b"abc"),
        (POST + b"x_y: ignored\r\ncontent_length: 9\r\n\r\n", b""),
        (CHUNKED + b"0\r\n\r\n", b""),
        (CHUNKED + b"3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
        (CHUNKED + b'3;name="a;b" ;c\r\n\r\n\r\r\n0;d\r\nx: y\r\nz:\r\n\r\n', b"\r\n\r"),
        (POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n", b"\n"),
    ],
)
def test_a_body_ends_where_it_says(request_, body, size):
    assert read(request_ + NEXT, size) == [("/", body), ("/next", b"")]


@PIECES
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"content-length: 3\r\ncontent-length: 0\r\n\r\nabc", 400),
        (POST + b"content-length: +3\r\n\r\nabc", 400),
        (POST + b"content-length : 3\r\n\r\nabc", 400),
        (POST + b"content-length:\r\n 3\r\n\r\nabc", 400),
        (POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n", 501),
        (POST + b"transfer-encoding: ,chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"transfer-encoding:\r\n\r\n", 501),
        (POST.replace(b"1.1", b"1.0") + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (GET + b"a: b\nc: d\r\n\r\n", 400),
        (GET + b"a: b\rc: d\r\n\r\n", 400),
        (GET + b"a: b\0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (GET + b"host: y\r\n\r\n", 400),
        (CHUNKED + b"3\n\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"3;a\n\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n3\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
        (CHUNKED + b"3\r\nabc\n0\r\n\r\n", 400),
        (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"FFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"0\r\na: b\n\r\n", 400),
    ],
)
def test_what_another_server_could_read_differently_is_refused(request_, status, size):
    """Behind a proxy that reads it differently, a part of it would be another request."""
    assert read(request_ + NEXT, size) == [status]


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"content-length: " + b"1" * 5_000 + b"\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/2.0\r\nhost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_malformed_heads_are_refused(request_):
    assert read(request_ + NEXT) == [400]


@PIECES
def test_lines_between_chunks_have_a_limit(size):
    too_long = b"0" * MAX_CHUNK_LINE_BYTES
    assert read(CHUNKED + too_long, size) == []
    assert read(CHUNKED + too_long + b"0", size) == [400]
    assert read(CHUNKED + b"0\r\n" + too_long + b"0", size) == [400]
    assert read(CHUNKED + b"0\r\n" + b"a: b\r\n" * (MAX_TRAILER_BYTES // 6 + 1), size) == [400]


@pytest.mark.parametrize(
    "request_",
    [
        GET + b"a:" + b" " * 32_000 + b"\x01\r\n\r\n",
        GET + b"a:" + b"b " * 16_000 + b"\x01\r\n\r\n",
        b"GET a://" + b"1" * 32_000 + b"  HTTP/1.1\r\n\r\n",
        b"GET a://" + b"1" * 32_000 + b" HTTP/x\r\n\r\n",
        b"G" * 32_000 + b"\r\n\r\n",
    ],
    ids=["spaces", "words", "address", "version", "method"],
)
def test_no_head_is_searched_for_minutes(request_):
    """waitress's regular expressions would take up to two minutes, and the process would answer nobody."""
    assert read(request_) == [400]

"""Forms of web pages are read in time that grows with their size, whatever they contain."""

import contextlib
import io
from collections.abc import Callable

import pytest
import werkzeug
from werkzeug.sansio.multipart import Event, MultipartDecoder, State

from localcloud.protocol import ApiError
from localcloud.s3.forms import _read

BOUNDARY = "b" * 60
FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="k"\r\n\r\n{"v" * 200}\r\n'
FILE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
END = f"\r\n--{BOUNDARY}--\r\n"


def work(body: str) -> int:
    """An upper bound of the bytes that the parser looks at: in each step, all that it may search."""
    looked_at = 0
    next_event = MultipartDecoder.next_event

    def counted(decoder: MultipartDecoder) -> Event:
        nonlocal looked_at
        resumes = decoder.state in (State.PREAMBLE, State.PART)
        looked_at += 1 + len(decoder.buffer) - (decoder._search_position if resumes else 0)
        return next_event(decoder)

    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body.encode()),
    }
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(ApiError):  # the form may lack a file
        patch.setattr(MultipartDecoder, "next_event", counted)
        _read(werkzeug.Request(environ))
    return looked_at


@pytest.mark.parametrize(
    "body",
    [
        lambda size: FILE + "\r" * size + END,
        lambda size: FILE + "\n" * size + END,
        lambda size: FILE + f"\r\n--{BOUNDARY[:-1]}" * (size // 64) + END,
        lambda size: FILE + f"\r\n--{BOUNDARY}x" * (size // 64) + END,
        lambda size: FILE + "x" * size,
        lambda size: FIELD * (size // len(FIELD)) + FILE + END,
        lambda size: FILE.replace("\r\n\r\n", "\r\nX: " + "\r\n " * (size // 8) + "\r\n\r\n") + END,
        lambda size: "\r\n" * (size // 2) + FILE + END,
    ],
    ids=["CR", "LF", "almost boundaries", "more than boundaries", "no end", "fields", "header", "preamble"],
)
def test_forms_are_read_in_linear_time(body: Callable[[int], str]) -> None:
    size = 200_000
    assert work(body(2 * size)) < 2.5 * work(body(size))

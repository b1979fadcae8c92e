"""What a sandbox prints is read while it is written."""

from pathlib import Path

import pytest

from localcloud.functions import output
from localcloud.functions.output import Output


def frame(text: bytes) -> bytes:
    return bytes.fromhex("a55a0017") + len(text).to_bytes(4, "big") + bytes(8) + text


@pytest.fixture
def printed(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


def write(printed: Output, data: bytes) -> None:
    with printed.path.open("ab") as file:
        file.write(data)


def test_lines_and_frames_may_come_in_any_pieces(printed: Output) -> None:
    data = b"one\ntw" + frame("žlutý\nkůň\n".encode()) + b"o\n\n" + frame(b"an error") + b"\xa5 three"
    found = []
    for position in range(len(data)):
        write(printed, data[position : position + 1])
        found += printed.events()
    assert found == ["one\n", "žlutý\nkůň\n", "two\n", "\n", "an error"]
    assert printed.events(last=True) == ["\ufffd three\n"]
    assert printed.events(last=True) == []
    assert printed.size() == len(data)


def test_what_only_begins_like_a_frame_is_not_kept_back_for_ever(
    printed: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "MAX_FRAME_BYTES", 100)
    write(printed, output.FRAME + b"\xff" * 50)
    assert printed.events() == []
    write(printed, b"\xff" * 100)
    [event] = printed.events()
    assert len(event) > 100

"""What a sandbox prints, as events for its log.

The runtime client writes a record of Python's logging, or an error, in a frame, so that it becomes one event
however many lines it has. All else becomes an event per line.
https://github.com/aws/aws-lambda-python-runtime-interface-client (FramedTelemetryLogSink in bootstrap.py)
"""

from pathlib import Path

# A file, not a pipe, so that when the runtime's answer comes, its earlier output is complete. Frames have a
# descriptor of their own, which leads to the same file, so that everything stays in order.
REDIRECT = ("/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1 3>&1')
"""Runs a command with its output in a file. The path of the file and the command follow as arguments."""
ENVIRONMENT = {"_LAMBDA_TELEMETRY_LOG_FD": "3"}

FRAME = b"\xa5\x5a\x00"
"""How a frame begins. A byte follows for the level, four for the text's length, and eight for the time."""
HEADER_BYTES = 16
MAX_LINE_BYTES = 1024 * 1024
MAX_FRAME_BYTES = 64 * 1024 * 1024


class Output:
    """Reads the file with the output of a sandbox while it is written."""

    def __init__(self, path: Path):
        self.path = path
        path.touch()
        self._file = path.open("rb")
        self._unread = b""

    def size(self) -> int:
        """The number of bytes that have been read."""
        return self._file.tell()

    def events(self, last: bool = False) -> list[str]:
        """What was printed since the last call. Lines have their line ends, and frames what they contain.

        An incomplete line or frame is kept back, unless `last` or long.
        """
        data = self._unread + self._file.read()
        found: list[bytes] = []
        line, read = b"", 0
        while (start := data.find(FRAME, read)) >= 0:
            text = start + HEADER_BYTES
            end = text + int.from_bytes(data[start + 4 : start + 8], "big")
            if end > len(data):
                break
            *lines, line = (line + data[read:start]).split(b"\n")
            found += [*(one + b"\n" for one in lines), data[text:end]]
            read = end
        rest = data[read:] if start < 0 else data[read:start]
        *lines, line = (line + rest).split(b"\n")
        found += [one + b"\n" for one in lines]
        self._unread = line + data[read + len(rest) :]
        is_long = len(line) > MAX_LINE_BYTES or len(self._unread) > MAX_FRAME_BYTES
        if self._unread and (last or is_long):
            found.append(self._unread + b"\n")
            self._unread = b""
        return [event.decode(errors="replace") for event in found]

    def close(self) -> None:
        self._file.close()

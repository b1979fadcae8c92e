"""What a few packages need of the lock file: `python lock_subset.py lock.txt flask gunicorn > web.txt`

The lock says which package each one is there for ("# via"), so the closure of some packages needs no index,
and every image installs the very versions and hashes that the project is tested with. Standard library only:
it runs before anything is installed.
"""

import re
import sys
from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9.-]*", re.I)


def subset(lock: str, wanted: set[str]) -> str:
    """The entries of `wanted` and of all that they need. Raises KeyError for a name that the lock has not.

    torch, which is installed from an index of its own, may be wanted: it stands for what it needs.
    """
    entries = _entries(lock)
    parents = {name: parents for name, _, parents in entries}
    known = set(parents).union(*parents.values())
    if missing := wanted - known:
        raise KeyError(f"not in the lock: {', '.join(sorted(missing))}")
    needed = set(wanted)
    while more := {name for name, of in parents.items() if of & needed} - needed:
        needed |= more
    return "".join(text for name, text, _ in entries if name in needed)


def _entries(lock: str) -> list[tuple[str, str, set[str]]]:
    """(name, text, the packages that need it); a package with several versions has several entries."""
    entries = []
    for text in re.split(r"^(?=[^\s#])", lock, flags=re.M):
        if not (named := NAME.match(text)):
            continue
        _, _, via = text.partition("# via")
        parents = set(re.findall(r"^(?:\s+#\s+|\s)([a-z0-9][a-z0-9.-]*)\s*$", via, re.M | re.I))
        entries.append((named[0], text, parents))
    return _merged(entries)


def _merged(entries: list[tuple[str, str, set[str]]]) -> list[tuple[str, str, set[str]]]:
    """All versions of a package are needed by what needs any of them: their markers choose."""
    parents: dict[str, set[str]] = {}
    for name, _, of in entries:
        parents.setdefault(name, set()).update(of)
    return [(name, text, parents[name]) for name, text, _ in entries]


if __name__ == "__main__":
    try:
        sys.stdout.write(subset(Path(sys.argv[1]).read_text(encoding="utf-8"), set(sys.argv[2:])))
    except KeyError as error:
        sys.exit(f"error: {error.args[0]}")

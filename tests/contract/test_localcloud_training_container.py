"""The runner of training scripts by itself: what it keeps of a script's output, and what it passes on."""

import sys
from pathlib import Path

from localcloud_toolkit_fixtures import Ended, run_training

MIB = 1024 * 1024


def train(tmp_path: Path, script: str) -> Ended:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(script)
    return run_training(Path(sys.executable), False, tmp_path, source)


def test_what_a_script_prints_is_not_kept_in_memory(tmp_path: Path) -> None:
    """Nor is what follows a line that names an exception, nor a line that does not end."""
    done = train(
        tmp_path,
        f"""
import os, psutil, sys
runner = psutil.Process(os.getppid())
before = runner.memory_info().rss
print("a ValueError that was caught")
for number in range(60_000):
    print("step", number, "x" * 500)
sys.stdout.write("y" * {30 * MIB})
sys.stdout.flush()
sys.exit(f"MemoryError: grew by {{(runner.memory_info().rss - before) // {MIB}}} MiB")
""",
    )
    assert done.code == 1
    assert done.failure is not None
    grown = int(done.failure.rpartition("grew by ")[2].split()[0])
    assert grown < 20
    assert len(done.failure) < 200_000
    assert "step 59999 " in done.printed
    # Lines of the error stream may come between the pieces of so long a line.
    assert done.printed.count("y") >= 30 * MIB


def test_of_a_long_message_the_beginning_and_the_end_are_reported(tmp_path: Path) -> None:
    done = train(
        tmp_path,
        """
import sys
print("RuntimeError: the first cause", file=sys.stderr)
for number in range(10_000):
    print("line", number, file=sys.stderr)
print("the last word", file=sys.stderr)
sys.exit(3)
""",
    )
    assert done.failure is not None
    lines = done.failure.splitlines()
    assert lines[1:4] == ["ExitCode 3", 'ErrorMessage "RuntimeError: the first cause', " line 0"]
    assert ' the last word"' in lines
    assert any(line.strip().endswith("lines are left out here ...") for line in lines)
    assert " line 5000" not in lines

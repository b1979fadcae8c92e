"""No process outlives whoever asked for it: processes.py, supervisor.py and state.py, with real processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from localcloud import state, supervisor
from localcloud.processes import Processes, stop_recorded
from localcloud.sharing import start_lock
from localcloud.stop_signals import StopSignals

ENVIRONMENT = {"PATH": os.environ["PATH"]}
PROJECT = Path(__file__).resolve().parents[2]

STARTER = """
import os, sys
from pathlib import Path
from localcloud.processes import Processes

processes = Processes(Path(sys.argv[1]) / "processes")
script = "trap '' TERM; sleep 60 & echo $! $$; wait"
process = processes.start("stubborn", ["sh", "-c", script], env={"PATH": os.environ["PATH"]}, cwd=Path("/"))
print(process.pid, next(process.lines()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(tmp_path):
    made = Processes(tmp_path / "processes")
    yield made
    made.close()


def start(processes, script, tmp_path):
    return processes.start("test", ["sh", "-c", script], env=ENVIRONMENT, cwd=tmp_path)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids, seconds=60.0) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def recorded(folder: Path) -> str:
    """The supervisor's record, which it writes just after it has started the command."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for record in (folder / "processes").iterdir():
            if text := record.read_text():
                return text
        time.sleep(0.02)
    raise TimeoutError("no record")


def test_output_and_exit_code_come_through(processes, tmp_path):
    process = start(processes, "echo out; echo error >&2; pwd; exit 7", tmp_path)
    assert list(process.lines()) == ["out", "error", str(tmp_path)]
    assert process.wait(60) == process.returncode == 7


def test_the_signal_that_ended_a_command_comes_through(processes, tmp_path):
    assert start(processes, "kill -9 $$", tmp_path).wait(60) == -signal.SIGKILL
    assert start(processes, "kill -15 $$", tmp_path).wait(60) == -signal.SIGTERM


def test_a_command_that_is_not_there_says_so(processes, tmp_path):
    process = processes.start("test", ["no-such-command"], env=ENVIRONMENT, cwd=tmp_path)
    assert list(process.lines()) == ["cannot start no-such-command: No such file or directory"]
    assert process.wait(60) == supervisor.COULD_NOT_START


def test_the_environment_is_exactly_what_is_given(processes, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "real-account")
    process = start(processes, "env", tmp_path)
    assert not [line for line in process.lines() if line.startswith("AWS_")]


def test_what_a_command_leaves_behind_ends_with_it(processes, tmp_path):
    process = start(processes, "sleep 60 & echo $!", tmp_path)
    child = int(next(process.lines()))
    process.wait(60)
    assert gone([child])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a supervisor adopt orphans")
def test_what_left_the_commands_session_ends_with_it_too(processes, tmp_path):
    """As torchrun's workers do, when torchrun itself is killed."""
    script = "mkfifo told; setsid sh -c 'sleep 600 & echo $!; echo >told; wait' & read line <told; kill -9 $$"
    process = start(processes, script, tmp_path)
    child = int(next(process.lines()))
    process.wait(60)
    assert gone([child])


def test_terminate_asks_then_forces(processes, tmp_path):
    polite = start(processes, "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done", tmp_path)
    next(polite.lines())
    assert polite.terminate(60) == 3
    stubborn = start(processes, "trap '' TERM; echo ready; while :; do sleep 0.05; done", tmp_path)
    next(stubborn.lines())
    assert stubborn.terminate(0.2) == -signal.SIGKILL


def test_closing_stops_everything_and_starts_no_more(tmp_path):
    processes = Processes(tmp_path / "processes")
    children = [int(next(start(processes, "echo $$; sleep 60", tmp_path).lines())) for _ in range(3)]
    processes.close()
    assert not any(map(alive, children))
    shutil.rmtree(tmp_path / "processes")  # as a cloud removes its folder at the end
    with pytest.raises(RuntimeError, match="localcloud is stopping"):
        start(processes, "true", tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_kill_minus_9_leaves_nothing_behind(tmp_path):
    """Not even a command that ignores SIGTERM, nor its children."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, tmp_path],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = [int(word) for word in starter.stdout.readline().split()]
    assert len(pids) == 3
    assert all(map(alive, pids))
    starter.kill()
    starter.wait()
    assert gone(pids)
    starter.stdin.close()
    starter.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_is_left_when_the_supervisor_is_killed_too_is_found_again(tmp_path):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, tmp_path],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    watcher, child, leader = (int(word) for word in starter.stdout.readline().split())
    recorded(tmp_path)
    starter.send_signal(signal.SIGSTOP)  # or it would end what its supervisor leaves
    os.waitpid(starter.pid, os.WUNTRACED)
    for pid in (watcher, starter.pid):
        os.kill(pid, signal.SIGKILL)
    starter.wait()
    assert alive(leader)
    assert stop_recorded(tmp_path / "processes") == 1
    assert gone([child, leader])
    assert stop_recorded(tmp_path / "processes") == 0
    starter.stdin.close()
    starter.stdout.close()


def test_a_process_id_that_was_handed_out_again_is_left_alone(tmp_path):
    innocent = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        (tmp_path / "record").write_text(f"{innocent.pid} 12345")
        assert stop_recorded(tmp_path) == 0
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_records_that_others_remove_meanwhile_are_no_error(tmp_path, monkeypatch):
    for name in ("one", "other"):
        (tmp_path / name).touch()

    def remove_all(mark):
        for record in tmp_path.iterdir():
            record.unlink()
        return False

    monkeypatch.setattr("localcloud.processes._kill_marked", remove_all)
    assert stop_recorded(tmp_path) == 0


def test_a_state_folder_is_held_by_one_and_removed_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "folders", lambda: tmp_path)
    monkeypatch.setattr(state, "WAIT_FOR_LOCK_SECONDS", 0.2)
    held = state.State(1)
    assert state.holder(1) == os.getpid()
    with pytest.raises(state.StateError, match="held by another"):
        state.State(1)
    held.close()
    assert state.holder(1) is None
    assert list(tmp_path.iterdir()) == []


def test_a_dead_clouds_folder_is_cleared_and_a_living_ones_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "folders", lambda: tmp_path)
    living = state.State(1)
    (living.path / "mine").write_text("")
    dead = state.state_dir(2)
    (dead / "hosting" / "model").mkdir(parents=True)
    dead.chmod(0o700)
    (dead / state.LOCK).write_text("1")
    state.clear_dead()
    assert not dead.exists()
    assert (living.path / "mine").exists()
    living.close()


def test_a_folder_that_others_may_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "folders", lambda: tmp_path)
    state.state_dir(1).mkdir(mode=0o755)
    with pytest.raises(state.StateError, match="private"):
        state.State(1)


def test_a_lock_that_cannot_be_made_is_refused_for_what_stands_in_its_way(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "folders", lambda: tmp_path / "gone")
    never = cast(StopSignals, None)
    with pytest.raises(FileNotFoundError), start_lock(1, never):
        pass
    (tmp_path / "gone").mkdir()
    Path(f"{state.state_dir(1)}.starting").mkdir()
    with pytest.raises(state.StateError, match="is not a file of yours: remove it"), start_lock(1, never):
        pass


def test_a_living_group_is_on_record_and_an_ended_one_is_not(processes, tmp_path):
    process = start(processes, "echo $$; sleep 60", tmp_path)
    leader = int(next(process.lines()))
    assert recorded(tmp_path) == f"{leader} {supervisor.start_time(leader)}"
    process.terminate()
    assert list((tmp_path / "processes").iterdir()) == []

"""Gives a function's runtime the file system of its sandbox, then becomes that runtime. Linux only.

``python -S -E function_mounts.py FOLDER CODE STORAGE_MB NEEDED COMMAND...``

In a mount namespace of its own, CODE is /var/task, /tmp is an empty file system of STORAGE_MB, and everything
else is read-only. NEEDED are folders, separated by colons, that stay visible even if they are below /tmp. If
the runtime of a sandbox is restarted, /tmp is kept: FOLDER has a pipe that localcloud keeps open as long as
the sandbox exists. Until it is closed, a process stays in the namespace, which a second runtime joins. The
exit status is 125, with a line that gives the reason, if namespaces are not allowed.
"""

import os
import sys

import mounts
from mounts import COULD_NOT_START, MS_BIND, MS_MOVE, MS_PRIVATE, MS_REC, NO_MOUNTS

TASK_FOLDER = "/var/task"
TEMPORARY = "/tmp"  # nosec B108 - the sandbox's own
PIPE, HOLDER = "alive", "holder"
"""Files in FOLDER: the pipe, and the id of the process that stays in the namespace."""


def enter(folder: str, code: str, storage_mb: str, needed: list[str]) -> None:
    """Moves this process into a new mount namespace, as described above. Raises OSError."""
    holder = os.open(os.path.join(folder, HOLDER), os.O_WRONLY | os.O_CREAT, 0o600)
    alive = os.open(os.path.join(folder, PIPE), os.O_RDONLY)
    mounts.unshare()
    mounts.mount(None, "/", None, MS_REC | MS_PRIVATE)
    temporary = _new_file_system(folder, "tmp", f"mode=1777,size={storage_mb}m")
    for place in needed:
        if place.startswith(f"{TEMPORARY}/"):
            target = os.path.join(temporary, os.path.relpath(place, TEMPORARY))
            os.makedirs(target, exist_ok=True)
            mounts.mount(place, target, None, MS_BIND | MS_REC)
    mounts.mount(_copy_of_var(folder, code), "/var", None, MS_MOVE)
    mounts.mount(temporary, TEMPORARY, None, MS_MOVE)
    read_only = mounts.MountAttributes(attr_set=mounts.MOUNT_ATTR_RDONLY)
    mounts.set_attributes("/", mounts.AT_RECURSIVE, read_only)
    writable = mounts.MountAttributes(attr_clr=mounts.MOUNT_ATTR_RDONLY)
    mounts.set_attributes(TEMPORARY, 0, writable)
    _stay(holder, alive)


def join(folder: str) -> None:
    """Moves this process into the namespace of the sandbox's first runtime. Raises OSError."""
    with open(os.path.join(folder, HOLDER)) as file:
        holder = file.read()
    for kind in ("user", "mnt"):
        place = f"/proc/{holder}/ns/{kind}"
        if os.readlink(place) != os.readlink(f"/proc/self/ns/{kind}"):
            namespace = os.open(place, os.O_RDONLY)
            mounts.checked(mounts.libc.setns(namespace, 0), place)
            os.close(namespace)


def _new_file_system(folder: str, name: str, options: str) -> str:
    place = os.path.join(folder, name)
    os.makedirs(place, exist_ok=True)
    mounts.mount("localcloud", place, "tmpfs", 0, options.encode())
    return place


def _copy_of_var(folder: str, code: str) -> str:
    """Makes a new /var with the content of the old one and the code, and returns its path."""
    copy = _new_file_system(folder, "var", "mode=755")
    for entry in os.scandir("/var"):
        target = os.path.join(copy, entry.name)
        if entry.path == TASK_FOLDER:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir():
            os.mkdir(target)
            mounts.mount(entry.path, target, None, MS_BIND | MS_REC)
    target = os.path.join(copy, os.path.basename(TASK_FOLDER))
    os.mkdir(target)
    mounts.mount(code, target, None, MS_BIND)
    return copy


def _stay(holder: int, alive: int) -> None:
    """Leaves a detached process in the namespace until localcloud closes the pipe."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os.close(holder)
        os.close(alive)
        return
    os.setsid()
    if os.fork() == 0:
        os.write(holder, str(os.getpid()).encode())
        os.close(holder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        while os.read(alive, 1):
            continue
    os._exit(0)


def main() -> int:
    """Execute the command in the sandbox's file system; return the exit status if that fails."""
    folder, code, storage_mb, needed, *command = sys.argv[1:]
    try:
        if os.path.exists(os.path.join(folder, HOLDER)):
            join(folder)
        else:
            enter(folder, code, storage_mb, needed.split(":"))
        os.chdir(TASK_FOLDER)
        os.environ["PWD"] = TASK_FOLDER
    except OSError as error:
        print(f"cannot give {folder} a file system of its own: {error}", file=sys.stderr)
        return int(NO_MOUNTS)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return int(COULD_NOT_START)


if __name__ == "__main__":
    sys.exit(main())

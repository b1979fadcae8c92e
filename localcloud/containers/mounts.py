"""Gives a process the file system of a container, then becomes that process. Linux only.

``python -S -E mounts.py FOLDER HOST HOSTS COMMAND...``

In a mount namespace of its own, FOLDER is also /opt/ml, and only its parent, /tmp, /var/tmp, /dev/shm, the
folder that LOCALCLOUD_PACKAGES names, and (in a private layer) /lib are writable. So a script with the fixed
paths of AWS's containers works, and one that writes anywhere else fails instead of changing the machine. HOST
is the host name that the process sees, and the file HOSTS becomes its /etc/hosts; both are empty unless the
container is one of several. Users without the right to create such namespaces mostly have it within a user
namespace. The exit status is 125, with a line that gives the reason, if neither works.
"""

import ctypes
import os
import socket
import sys

CONTAINER_FOLDER = "/opt/ml"
HOSTS_FILE = "/etc/hosts"
LIBRARIES = "/lib"
"""Some programs in images put shared libraries there, as the model servers of SageMaker's ModelBuilder."""
WRITABLE = ("/tmp", "/var/tmp", "/dev/shm")  # nosec B108 - scripts make their own names there
PACKAGES = "LOCALCLOUD_PACKAGES"
"""The variable that names the folder of packages that containers share (overlay.py)."""
NO_MOUNTS = 125
COULD_NOT_START = 127

# From linux/sched.h, linux/mount.h and linux/fcntl.h.
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER = 0x00020000, 0x04000000, 0x10000000
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x1000, 0x2000, 0x4000, 0x40000
SYS_MOUNT_SETATTR, MOUNT_ATTR_RDONLY, AT_FDCWD, AT_RECURSIVE = 442, 1, -100, 0x8000

libc = ctypes.CDLL(None, use_errno=True)


class MountAttributes(ctypes.Structure):
    """mount_setattr(2): Linux 5.12."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def enter(folder: str, host: str, hosts: str) -> None:
    """Moves this process into namespaces of its own, as described above. Raises OSError."""
    unshare()
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    _bind_below_opt(folder)
    if hosts:
        socket.sethostname(host)
        mount(hosts, HOSTS_FILE, None, MS_BIND)
    places = (os.path.dirname(folder), os.environ.get(PACKAGES, ""), *WRITABLE)
    writable = [place for place in places if os.path.isdir(place)]
    for place in writable:
        mount(place, place, None, MS_BIND | MS_REC)
    writable += _add_layer(os.path.realpath(LIBRARIES), os.path.join(os.path.dirname(folder), "lib"))
    set_attributes("/", AT_RECURSIVE, MountAttributes(attr_set=MOUNT_ATTR_RDONLY))
    for place in (*writable, CONTAINER_FOLDER):
        set_attributes(place, 0, MountAttributes(attr_clr=MOUNT_ATTR_RDONLY))
    os.chdir(os.getcwd())  # the same folder, but by the mounts of the new namespace


def unshare() -> None:
    """Moves this process into namespaces of its own for mounts and host names. Raises OSError.

    Without the right to do so, it first enters a user namespace, in which its user is the same.
    """
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0:
        return
    checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS), "user namespace")
    for file, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as stream:
            stream.write(content)


def _bind_below_opt(folder: str) -> None:
    """Mounts the folder at /opt/ml, which need not exist: /opt becomes a new folder with the same content."""
    opt = os.path.dirname(CONTAINER_FOLDER)
    copy = os.path.join(os.path.dirname(folder), "opt")
    os.makedirs(copy, exist_ok=True)
    mount("localcloud", copy, "tmpfs", 0, b"mode=755")
    for entry in os.scandir(opt):
        target = os.path.join(copy, entry.name)
        if entry.path == CONTAINER_FOLDER:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
            continue
        if entry.is_dir():
            os.mkdir(target)
        else:
            open(target, "w").close()
        mount(entry.path, target, None, MS_BIND | MS_REC)
    target = os.path.join(copy, os.path.basename(CONTAINER_FOLDER))
    os.mkdir(target)
    mount(folder, target, None, MS_BIND)
    mount(copy, opt, None, MS_MOVE)


def _add_layer(place: str, layers: str) -> list[str]:
    """Lets the container write to a private layer on top of a folder of the machine. Returns [place].

    If layers (overlayfs) are not allowed, the folder stays as it is, and the result is empty.
    """
    os.makedirs(layers, exist_ok=True)
    try:
        mount("localcloud", layers, "tmpfs", 0, b"mode=755")
        for name in ("upper", "work"):
            os.mkdir(os.path.join(layers, name))
        options = f"lowerdir={place},upperdir={layers}/upper,workdir={layers}/work"
        mount("localcloud", place, "overlay", 0, os.fsencode(options))
    except OSError:
        return []
    return [place]


def mount(
    source: str | None, target: str, kind: str | None, flags: int, options: bytes | None = None
) -> None:
    """Calls mount(2). Raises OSError."""
    arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    checked(libc.mount(*arguments, ctypes.c_ulong(flags), options), target)


def set_attributes(place: str, flags: int, attributes: MountAttributes) -> None:
    """Calls mount_setattr(2), which libraries of older systems lack. Raises OSError."""
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    arguments = AT_FDCWD, os.fsencode(place), flags, ctypes.byref(attributes), size
    checked(libc.syscall(ctypes.c_long(SYS_MOUNT_SETATTR), *arguments), place)


def checked(result: int, what: str) -> None:
    """Raises OSError about `what` if a call of the C library has failed, which its result tells."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def main() -> int:
    """Execute the command in the new file system; return the exit status if that fails."""
    folder, host, hosts, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    try:
        enter(folder, host, hosts)
    except OSError as error:
        print(f"cannot put {folder} at {CONTAINER_FOLDER}: {error}", file=sys.stderr)
        return NO_MOUNTS
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return COULD_NOT_START


if __name__ == "__main__":
    sys.exit(main())

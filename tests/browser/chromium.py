"""Find a Chromium for the browser tests, or get one: `python tests/browser/chromium.py`.

Best is a headless shell: the same browser without windows, whose toolbars take more of the processor's time
than the pages of short tests. Looked for in this order: the system's headless shell, Playwright's, the
system's browser, Playwright's. If there is no shell: Debian's package where we are root; before it, if there
is no browser at all, Playwright's download. Where none can be had the tests skip loudly, and fail under CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SHELL_NAMES = ("chromium-headless-shell", "chrome-headless-shell")
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
NONE = "no Chromium for the browser tests: install chromium (or Chrome), or run `playwright install chromium`"


def find() -> str | None:
    """The path of a Chromium or Chrome on this machine."""
    if shell := find_shell():
        return shell
    for name in (*SYSTEM_NAMES, MAC_CHROME):
        if path := shutil.which(name):
            return path
    path = _playwrights()
    return str(path) if path.exists() else None


def find_shell() -> str | None:
    """The path of a headless shell on this machine."""
    for name in SHELL_NAMES:
        if path := shutil.which(name):
            return path
    # Beside .../chromium-1234, in which the browser is.
    shells = [
        shell
        for folder in _playwrights().parents
        if folder.name.startswith("chromium-")
        for shell in sorted(folder.parent.glob("chromium_headless_shell-*/*/*headless[_-]shell"))
    ]
    return str(shells[-1]) if shells else None


def _playwrights() -> Path:
    """Where Playwright's own browser is, or would be."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def get() -> str | None:
    """Find one, installing it if need be; what was tried is printed."""
    package = ["apt-get", "install", "-y", "-qq", SHELL_NAMES[0]]
    packages = [package] if shutil.which("apt-get") and os.geteuid() == 0 else []
    if find():
        attempts = packages  # whose lists may be old: without a network it has to fail soon
    else:
        download = [sys.executable, "-m", "playwright", "install", "chromium"]
        attempts = [download, *(["apt-get", "update", "-qq"] for _ in packages), *packages]
    for command in attempts:
        if path := find_shell():
            return path
        print("No headless Chromium found, trying:", " ".join(command), flush=True)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        except subprocess.TimeoutExpired:
            print("  gave up after ten minutes")
            continue
        if done.returncode:
            print("  failed:", (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:])
    return find()


def main() -> int:
    if path := get():
        print(f"Browser tests use {path}")
        return 0
    print(f"error: {NONE}", file=sys.stderr)
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())

"""Find a Chromium for the browser tests, or get one: `python tests/browser/chromium.py`.

Looked for in this order: the system's, Playwright's own. If there is neither: Playwright's download, then
Debian's package where we are root. Where none can be had the tests skip loudly, and fail under CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
REBOUND = "rebound.example"
"""A name that its owner has pointed to this machine, for the browser of the tests."""
NONE = "no Chromium for the browser tests: install chromium (or Chrome), or run `playwright install chromium`"


def find() -> str | None:
    """The path of a Chromium or Chrome on this machine."""
    for name in (*SYSTEM_NAMES, MAC_CHROME):
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def get() -> str | None:
    """Find one, installing it if need be; what was tried is printed."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts += [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
    for command in attempts:
        if path := find():
            return path
        print("No Chromium found, trying:", " ".join(command), flush=True)
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

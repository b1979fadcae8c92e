"""`make notebook` in a real browser: JupyterLab opens the walkthrough with a kernel that runs its cells."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.conftest import PROJECT
from tests.tethered import tethered

pytestmark = pytest.mark.slow

SLOW = 120_000


@pytest.fixture
def lab(cloud):
    """The process and the address that it prints."""
    command = [sys.executable, "-m", "localcloud", "run", "--port", str(cloud.port), "--"]
    process = subprocess.Popen(
        tethered([*command, sys.executable, "notebooks/open.py", "--no-browser", "--port", "0"]),
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+/\S+token=\S+", line):
                break
        assert found, "no address was printed"
        yield process, found.group()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def as_never_run(route):
    """The notebook without its committed outputs, so that a number at a cell is this kernel's.

    JupyterLab saves by itself; the notebook of the working tree stays as it was committed.
    """
    answer = route.fetch(method="GET", post_data=None)
    model = answer.json()
    for cell in (model.get("content") or {}).get("cells", []):
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    route.fulfill(response=answer, json=model)


def test_a_person_runs_the_first_cells_and_leaves_by_ctrl_c(lab, context):
    process, address = lab
    page = context.new_page()
    page.route("**/api/contents/notebooks/walkthrough.ipynb*", as_never_run)
    page.goto(address, timeout=SLOW)
    expect(page.get_by_role("heading", name="From reviews to a page that judges them")).to_be_visible(
        timeout=SLOW
    )
    # The first run needs the kernel, which must be the project's own and find its modules.
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute(
        "data-status", "idle", timeout=SLOW
    )
    # The first cell is the selected one. Cells come and go while the page is laid out; the toolbar stays.
    run = page.get_by_role("button", name=re.compile("^Run this cell and advance"))
    for _ in ("its title", "what can be chosen", "the parameters", "the imports"):
        run.click()
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    expect(prompts.nth(0)).to_have_text("[1]:", timeout=SLOW)
    expect(prompts.nth(1)).to_have_text("[2]:", timeout=SLOW)
    assert "ModuleNotFoundError" not in page.locator(".jp-Notebook").inner_text()

    server = address.partition("/lab")[0]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server}/api/contents", timeout=30)
    assert refused.value.code == 403, "without the token there is nothing to see"

    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends Ctrl-C
    assert process.wait(60) == 130
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(server, timeout=5)

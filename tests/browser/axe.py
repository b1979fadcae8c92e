"""axe-core, asked about a page as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_finds(page: Page) -> list[str]:
    """What axe-core objects to on the page as it is now, in its light and its dark colours."""
    # CDP lets it past the page's policy.
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": AXE})
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        answer = session.send(
            "Runtime.evaluate",
            {
                "expression": f"axe.run({{runOnly: {RULES}}}).then(it => JSON.stringify(it.violations))",
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        found += [
            f"{scheme}: {rule['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
            for rule in json.loads(answer["result"]["value"])
            for node in rule["nodes"]
        ]
    session.detach()
    return found

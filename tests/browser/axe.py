"""axe-core, asked about a page as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import CDPSession, Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_finds(page: Page) -> list[str]:
    """What axe-core objects to on the page as it is now; in dark colours only these are looked at again."""
    session = page.context.new_cdp_session(page)
    # A world of its own, past the page's policy; its clock runs where a test has stopped the page's.
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = session.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]
    _value(session, world, AXE)
    found = []
    for scheme, rules in (("light", RULES), ("dark", ["color-contrast"])):
        page.emulate_media(color_scheme=scheme)
        violations = f"axe.run({{runOnly: {rules}}}).then(it => JSON.stringify(it.violations))"
        found += [
            f"{scheme}: {rule['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
            for rule in json.loads(_value(session, world, violations))
            for node in rule["nodes"]
        ]
    session.detach()
    return found


def _value(session: CDPSession, world: int, expression: str) -> Any:
    how = {"contextId": world, "awaitPromise": True, "returnByValue": True}
    return session.send("Runtime.evaluate", {"expression": expression, **how})["result"].get("value")

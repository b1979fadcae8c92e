"""The page in WebKit, the engine of Safari: WebKitGTK's MiniBrowser, by the WebDriver protocol.

Needs `WebKitWebDriver` (Debian's package webkit2gtk-driver, which brings MiniBrowser) and `xvfb-run` (xvfb),
for this browser has no headless mode; skipped by name where one is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_site import Site
from webdriver import Session, driven, judge_by_keyboard_alone, look_at_many_and_at_the_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def webkit() -> Iterator[Session]:
    driver, display = shutil.which("WebKitWebDriver"), shutil.which("xvfb-run")
    browsers = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"))
    if driver is None or display is None or not browsers:
        pytest.skip("NOT TESTED: no WebKitWebDriver with MiniBrowser, or no xvfb-run")
    options = {"binary": str(browsers[-1]), "args": ["--automation"]}
    # There is no graphics card behind the display.
    software = {"WEBKIT_DISABLE_COMPOSITING_MODE": "1", "LIBGL_ALWAYS_SOFTWARE": "1"}
    with driven([display, "-a", driver], {"webkitgtk:browserOptions": options}, **software) as session:
        yield session


def test_a_review_is_judged_explained_and_shown_as_code_by_keyboard_alone(webkit: Session, site: Site):
    judge_by_keyboard_alone(webkit, site)


def test_many_reviews_and_the_model_have_their_pages(webkit: Session, site: Site):
    look_at_many_and_at_the_model(webkit, site)

"""The page in Firefox, by the WebDriver protocol: Debian's Firefox does not speak Playwright's.

Needs `firefox` or `firefox-esr`, and `geckodriver`, on the PATH; skipped by name where one is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from page_site import Site
from webdriver import Session, driven, judge_by_keyboard_alone, look_at_many_and_at_the_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def firefox() -> Iterator[Session]:
    binary = shutil.which("firefox") or shutil.which("firefox-esr")
    driver = shutil.which("geckodriver")
    if binary is None or driver is None:
        pytest.skip("NOT TESTED: no Firefox with geckodriver on the PATH")
    options = {"binary": binary, "args": ["-headless"]}
    with driven([driver], {"moz:firefoxOptions": options}) as session:
        yield session


def test_a_review_is_judged_explained_and_shown_as_code_by_keyboard_alone(firefox: Session, site: Site):
    judge_by_keyboard_alone(firefox, site)


def test_many_reviews_and_the_model_have_their_pages(firefox: Session, site: Site):
    look_at_many_and_at_the_model(firefox, site)

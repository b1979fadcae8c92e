"""A person at the real page: what they type travels page, API gateway, Lambda, endpoint, and comes back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.conftest import BAD, GOOD

pytestmark = pytest.mark.slow


def test_reviews_typed_on_the_page_get_the_models_verdict(deployment, page):
    answers = []
    page.on("response", lambda answer: answers.append(answer.url) if "/predict" in answer.url else None)
    page.goto(deployment.page)
    for review, verdict in ((GOOD, "Positive"), (BAD, "Negative")):
        page.get_by_role("textbox").fill(review)
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("status").or_(page.get_by_role("region"))).to_contain_text(
            verdict, timeout=30_000
        )
    assert answers == [f"{deployment.api}/predict"] * 2

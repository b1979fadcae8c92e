"""A person at the page that the self-hosted server serves: from their words to a verdict and a vote."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from project.ports import free_port
from tests.conftest import BAD, GOOD
from tests.contract.selfhost_fixtures import Web, talking_model

__all__ = ["talking_model"]  # a fixture
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def web(tmp_path_factory, talking_model) -> Iterator[Web]:
    server = Web(tmp_path_factory.mktemp("web"), f"http://127.0.0.1:{free_port()}", "movie-sentiment")
    server.hold(talking_model)
    try:
        yield server.start()
    finally:
        server.stop()


def test_reviews_typed_on_the_page_get_the_models_verdict(web, page):
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(web.url)
    for review, verdict in ((GOOD, "Positive"), (BAD, "Negative")):
        page.get_by_role("textbox", name="Your review").fill(review)
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("heading", name=verdict, exact=True)).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_role("button", name="Yes", exact=True)).to_have_attribute("aria-pressed", "true")
    [vote] = web.feedback.glob("date=*/*.json")
    assert json.loads(vote.read_text(encoding="utf-8"))["review"] == BAD
    assert asked.count(f"{web.url}/predict") == 2
    assert all(url.startswith(web.url) for url in asked), "nothing comes from elsewhere"
    assert complaints == []

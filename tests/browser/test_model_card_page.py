"""The published model card in a real browser: it reads well, breaks no policy, and is accessible."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from axe_playwright_python.sync_playwright import Axe

from project import model_card


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what matters."""


@pytest.fixture(scope="module")
def card_url(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    (folder / model_card.NAME).write_bytes(model_card.render({"model": "abc123", "recipe": "fast"}))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{model_card.NAME}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_card_has_no_accessibility_faults(page, card_url, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(card_url)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_all_pictures_show_and_have_a_description(page, card_url):
    page.goto(card_url)
    pictures = page.locator("img").all()
    assert len(pictures) == 6
    for picture in pictures:
        assert picture.evaluate("image => image.complete && image.naturalWidth > 300")
        assert len(picture.get_attribute("alt")) > 10


@pytest.mark.parametrize("width", [360, 1280])
def test_the_card_does_not_scroll_sideways(page, card_url, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(card_url)
    assert page.evaluate("document.documentElement.scrollWidth") <= width

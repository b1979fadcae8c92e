"""The page in Firefox, by the WebDriver protocol: Debian's Firefox does not speak Playwright's.

Needs `firefox` or `firefox-esr`, and `geckodriver`, on the PATH; skipped by name where one is missing.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from page_site import Site, verdict

from project.ports import free_port

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 120


def until(ready: Callable[[], Any]) -> Any:
    """What `ready` returns, once it is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := ready()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return found


class Firefox:
    """A session of the WebDriver protocol (https://www.w3.org/TR/webdriver2/)."""

    def __init__(self, url: str, binary: str) -> None:
        options = {"binary": binary, "args": ["-headless"]}
        wanted = {"capabilities": {"alwaysMatch": {"moz:firefoxOptions": options}}}
        self._url = f"{url}/session"
        self._url += f"/{self._call('', wanted)['sessionId']}"

    def _call(self, command: str, content: dict[str, Any]) -> Any:
        answer = requests.post(self._url + command, json=content, timeout=PATIENCE_SECONDS).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def go(self, url: str) -> None:
        self._call("/url", {"url": url})

    def run(self, script: str) -> Any:
        """What the body of a function returns in the page."""
        return self._call("/execute/sync", {"script": script, "args": []})

    def press(self, *keys: str) -> None:
        """Press the keys one after another, all held until the last is down."""
        actions = [{"type": "keyDown", "value": key} for key in keys]
        actions += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self._call("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def end(self) -> None:
        requests.delete(self._url, timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    binary = shutil.which("firefox") or shutil.which("firefox-esr")
    driver = shutil.which("geckodriver")
    if binary is None or driver is None:
        pytest.skip("NOT TESTED: no Firefox with geckodriver on the PATH")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([driver, "--port", str(port)], stdout=log, stderr=log)
        try:
            until(lambda: _answers(url))
            session = Firefox(url, binary)
            yield session
            session.end()
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/status", timeout=PATIENCE_SECONDS).ok
    except requests.ConnectionError:
        return False


CONTROL, ENTER, TAB = "\ue009", "\ue007", "\ue004"


def test_a_review_is_judged_explained_and_shown_as_code_by_keyboard_alone(firefox: Firefox, site: Site):
    site.answer = lambda review: verdict(0.9, [["Lovely", 1.5]], review=review)
    firefox.go(site.url)
    until(lambda: firefox.run("return document.querySelector('#counter').textContent"))
    firefox.press(TAB)
    firefox.press(TAB)
    for key in "Lovely":
        firefox.press(key)
    firefox.press(CONTROL, ENTER)
    until(lambda: firefox.run("return document.querySelector('#details').checkVisibility()"))
    texts = "['#headline', '#explanation', '#marked .mark'].map(it => document.querySelector(it).textContent)"
    assert firefox.run(f"return {texts}") == ["Positive", "Very likely positive (90%).", "Lovely"]
    assert firefox.run("return document.querySelector('#code').textContent").startswith("curl ")
    firefox.run("document.querySelector('#marked .mark').focus()")
    assert "+1.50 strongly" in firefox.run("return document.querySelector('#tip').textContent")
    assert site.reviews == ["Lovely"]


def test_many_reviews_and_the_model_have_their_pages(firefox: Firefox, site: Site):
    firefox.go(site.url)
    until(lambda: firefox.run("return document.querySelector('#counter').textContent"))
    firefox.run(
        """document.querySelector('#tab-many').click();
        const box = document.querySelector('#pasted');
        box.value = 'review,stars\\ngood,5\\nawful,4';
        box.dispatchEvent(new Event('input'));
        document.querySelector('#start').click();"""
    )
    until(lambda: firefox.run("return document.querySelector('#score-line').textContent"))
    until(lambda: "2 of 2" in firefox.run("return document.querySelector('#done').textContent"))
    assert "Accuracy 50.0%" in firefox.run("return document.querySelector('#score-line').textContent")
    firefox.go(site.url + "model.html")
    until(lambda: firefox.run("return document.querySelectorAll('#curve circle').length") == 2)

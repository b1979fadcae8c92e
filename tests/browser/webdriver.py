"""A browser that speaks WebDriver but not Playwright's protocol, and what a person does at the page in it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from page_site import Site, verdict

from project.ports import free_port
from tests.tethered import tethered

PATIENCE_SECONDS = 120
CONTROL, ENTER, TAB = "\ue009", "\ue007", "\ue004"


def until(ready: Callable[[], Any]) -> Any:
    """What `ready` returns, once it is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := ready()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return found


class Session:
    """A session of the WebDriver protocol (https://www.w3.org/TR/webdriver2/)."""

    def __init__(self, url: str, capabilities: Mapping[str, Any]) -> None:
        wanted = {"capabilities": {"alwaysMatch": capabilities}}
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


@contextmanager
def driven(driver: list[str], capabilities: Mapping[str, Any], **environment: str) -> Iterator[Session]:
    """A session of the browser that the driver starts; the driver gets its port by `--port`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            tethered([*driver, f"--port={port}"]),
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            until(lambda: _answers(url))
            session = Session(url, capabilities)
            yield session
            session.end()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/status", timeout=PATIENCE_SECONDS).ok
    except requests.ConnectionError:
        return False


def judge_by_keyboard_alone(browser: Session, site: Site) -> None:
    """A review is judged, explained and shown as code."""
    site.answer = lambda review: verdict(0.9, [["Lovely", 1.5]], review=review)
    browser.go(site.url)
    until(lambda: browser.run("return document.querySelector('#counter').textContent"))
    browser.press(TAB)
    browser.press(TAB)
    for key in "Lovely":
        browser.press(key)
    browser.press(CONTROL, ENTER)
    until(lambda: browser.run("return document.querySelector('#details').checkVisibility()"))
    texts = "['#headline', '#explanation', '#marked .mark'].map(it => document.querySelector(it).textContent)"
    assert browser.run(f"return {texts}") == ["Positive", "Very likely positive (90%).", "Lovely"]
    assert browser.run("return document.querySelector('#code').textContent").startswith("curl ")
    browser.run("document.querySelector('#marked .mark').focus()")
    assert "+1.50 strongly" in browser.run("return document.querySelector('#tip').textContent")
    assert site.reviews == ["Lovely"]


def look_at_many_and_at_the_model(browser: Session, site: Site) -> None:
    """A table with labels is judged, and the page about the model shows its curve and its votes."""
    browser.go(site.url)
    until(lambda: browser.run("return document.querySelector('#counter').textContent"))
    browser.run(
        """document.querySelector('#tab-many').click();
        const box = document.querySelector('#pasted');
        box.value = 'review,stars\\ngood,5\\nawful,4';
        box.dispatchEvent(new Event('input'));
        document.querySelector('#start').click();"""
    )
    until(lambda: browser.run("return document.querySelector('#score-line').textContent"))
    until(lambda: "2 of 2" in browser.run("return document.querySelector('#done').textContent"))
    assert "Accuracy 50.0%" in browser.run("return document.querySelector('#score-line').textContent")
    browser.go(site.url + "model.html")
    until(lambda: browser.run("return document.querySelectorAll('#curve circle').length") == 2)
    assert "lstm-7f3a100% of the texts129" in browser.run(
        "return document.querySelector('#votes').textContent"
    )

"""A warning that every request repeats does not fill the screen."""

import logging
import time

import pytest

from localcloud.repeated_warnings import RepeatedWarnings

log = logging.getLogger("localcloud.tested")


def test_the_first_warning_is_logged_at_once_and_the_others_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warnings = RepeatedWarnings(log, interval=3600)
    for number in range(1_001):
        warnings.warn("throttled", f"refused {number}")
    warnings.warn("broken", "another kind")
    assert caplog.messages == ["refused 0", "another kind"]
    warnings.close()
    assert caplog.messages[2:] == ["refused 1000 (one of 1,000 like it in 3600 seconds)"]


def test_the_count_is_logged_when_the_interval_ends(caplog: pytest.LogCaptureFixture) -> None:
    warnings = RepeatedWarnings(log, interval=0.05)
    warnings.warn("throttled", "refused")
    warnings.warn("throttled", "refused")
    while len(caplog.messages) < 2:
        time.sleep(0.01)
    warnings.close()
    assert caplog.messages == ["refused", "refused (one of 1 like it in 0.05 seconds)"]

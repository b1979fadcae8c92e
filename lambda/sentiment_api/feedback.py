"""Where votes on verdicts are kept: one JSON object each, by the day they came in."""

from __future__ import annotations

from typing import Any


def place_of(vote: dict[str, Any]) -> str:
    """The path of a vote below the folder of all of them, partitioned as Athena and Spark read it."""
    return f"date={vote['time'][:10]}/{vote['id']}.json"

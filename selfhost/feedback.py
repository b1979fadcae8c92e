"""People's votes on verdicts, kept as one JSON object each in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentiment_api.feedback import place_of

from sentiment.files import written_aside


def feedback_folder(folder: Path) -> Callable[[dict[str, Any]], str]:
    """A function that keeps a vote below `folder`, by the day it came in, and returns its id."""

    def keep(vote: dict[str, Any]) -> str:
        with written_aside(folder / place_of(vote)) as file:
            file.write_text(json.dumps(vote, ensure_ascii=False) + "\n", encoding="utf-8")
        return str(vote["id"])

    return keep

"""What can be wrong with what a person gives the library. Every message says what, where, and what to do."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """What an error about an unknown name adds: "; did you mean epochs?", or nothing."""
    found = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {found[0]}?" if found else ""


class SentimentError(Exception):
    """Base of the library's errors; its message is meant to be shown to a person as it stands."""


class DatasetError(SentimentError):
    """Reviews that are missing, incomplete or not in the expected form."""


class ArchiveError(SentimentError):
    """An archive that is broken, too large, or would be written outside of its folder."""


class ChannelError(SentimentError):
    """A prepared data folder that is missing, or whose arrays do not fit together."""


class RecipeError(SentimentError):
    """A recipe that does not exist, or settings that make no model."""


class TrainingError(SentimentError):
    """A training run that cannot come to a good end."""


class LostProcessError(TrainingError):
    """Another process of a data-parallel training is gone; that one knows why."""


class CheckpointError(SentimentError):
    """A training checkpoint that cannot be continued from."""


class ArtifactError(SentimentError):
    """A model folder that is missing something, was changed, or is of a version this code does not know."""

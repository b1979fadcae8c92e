"""The errors that users of the library see. Every message says what is wrong, where, and what to do."""

from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a suggestion for an error about an unknown name: "; did you mean epochs?", or ""."""
    import difflib  # imported only here, because models are served without it

    found = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {found[0]}?" if found else ""


class SentimentError(Exception):
    """Base class of the library's errors. Its message can be shown to a user unchanged."""


class DatasetError(SentimentError):
    """Reviews that are missing, incomplete or not in the expected form."""


class ArchiveError(SentimentError):
    """An archive that is broken, too large, or would be written outside of its folder."""


class ChannelError(SentimentError):
    """A prepared data folder that is missing, or whose arrays do not fit together."""


class RecipeError(SentimentError):
    """A recipe that does not exist, or settings that make no model."""


class TrainingError(SentimentError):
    """A training run that cannot succeed."""


class LostProcessError(TrainingError):
    """Another process of a data-parallel training has ended; its own output says why."""


class CheckpointError(SentimentError):
    """A training checkpoint that training cannot resume from."""


class ArtifactError(SentimentError):
    """A model folder that is incomplete, was changed, or has a format this code does not know."""

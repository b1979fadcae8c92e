"""Parse and check hyperparameters as users write them: names with hyphens or underscores, values as text.

A hyperparameter is a field of Recipe, which checks the values, or an option of the run such as the seed. The
course's names are accepted as well. train/train.py, `make train SET=...`, `mlflow run -P` and the self-hosted
system all use this module, so they accept and refuse the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sentiment.errors import RecipeError, nearest
from sentiment.training.recipes import CHOICES, Recipe, recipe

ALIASES = {"max_epochs": "epochs", "lr": "learning_rate"}
"""Other names of hyperparameters: the course's, and PyTorch's."""
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")


def canonical(name: str) -> str:
    """The name of a hyperparameter as in the code: hidden-dim becomes hidden_dim."""
    name = name.replace("-", "_")
    return ALIASES.get(name, name)


def value_of(name: str, text: str) -> object:
    """Parse the value of a hyperparameter, given its canonical name. Raises RecipeError.

    Only the type is checked here; Recipe checks the range.
    """
    return KINDS[name](text)


def checked(recipe_name: str, given: Mapping[str, str]) -> dict[str, str]:
    """Check hyperparameters, and return them by canonical name. Raises RecipeError.

    The error names the hyperparameter, and suggests the nearest name for an unknown one.
    """
    renamed: dict[str, str] = {}
    changes = {}
    for written, text in given.items():
        name = canonical(written)
        if name not in KINDS:
            raise RecipeError(
                f"there is no hyperparameter {written!r}{nearest(name.lower(), KINDS)} "
                "(python train/train.py --help lists them)"
            )
        if name in renamed:
            raise RecipeError(f"{name} is given twice: {renamed[name]} and {text}")
        renamed[name] = text
        try:
            value = value_of(name, text)
        except RecipeError as error:
            raise RecipeError(f"{name} {error}") from None
        if name in FIELDS:
            changes[name] = value
    recipe(recipe_name, **changes)
    return renamed


def changed_recipe(recipe_name: str, given: Mapping[str, str]) -> Recipe:
    """The recipe with these hyperparameters. Raises RecipeError as `checked` does."""
    texts = checked(recipe_name, given)
    return recipe(
        recipe_name, **{name: value_of(name, text) for name, text in texts.items() if name in FIELDS}
    )


def parse_int(text: str) -> int:
    """Parse a whole number. Raises RecipeError."""
    try:
        return int(text)
    except ValueError:
        raise RecipeError(f"must be a whole number, not {text!r}") from None


def parse_float(text: str) -> float:
    """Parse a number. Raises RecipeError."""
    try:
        return float(text)
    except ValueError:
        raise RecipeError(f"must be a number, not {text!r}") from None


def parse_bool(text: str) -> bool:
    """Parse true, false, 1 or 0, in any case: SageMaker passes strings. Raises RecipeError."""
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise RecipeError(f"must be true or false, not {text!r}")
    return known[text.lower()]


def seed(text: str) -> int:
    """Parse the seed, which numpy and torch accept from 0 to 2**32 - 1. Raises RecipeError."""
    value = parse_int(text)
    if not 0 <= value < 2**32:
        raise RecipeError(f"must be from 0 to 2**32 - 1, not {text}")
    return value


def threads(text: str) -> int:
    """Parse the number of threads; 0 leaves it to torch. Raises RecipeError."""
    value = parse_int(text)
    if value < 0:
        raise RecipeError(f"must be at least 1, or 0 for as many as torch chooses, not {text}")
    return value


def at_least_one(text: str) -> int:
    """Parse a whole number from 1 up. Raises RecipeError."""
    value = parse_int(text)
    if value < 1:
        raise RecipeError(f"must be at least 1, not {text}")
    return value


def one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """A parser that accepts one of these words. It raises RecipeError."""

    def read(text: str) -> str:
        if text not in choices:
            raise RecipeError(f"must be one of {', '.join(choices)}, not {text!r}{nearest(text, choices)}")
        return text

    return read


_KIND_OF_TYPE: dict[Any, Callable[[str], object]] = {
    int: parse_int,
    float: parse_float,
    bool: parse_bool,
    str: str,
}
# The tokenizer belongs to the prepared data, so it comes with the recipe and cannot be changed for a run.
FIELDS: dict[str, Callable[[str], object]] = {
    field.name: one_of(CHOICES[field.name]) if field.name in CHOICES else _KIND_OF_TYPE[field.type]
    for field in fields(Recipe)
    if field.name not in ("name", "tokenizer")
}
RUN_OPTIONS: dict[str, Callable[[str], object]] = {
    "seed": seed,
    "threads": threads,
    "device": one_of(DEVICES),
    "precision": one_of(PRECISIONS),
}
KINDS: dict[str, Callable[[str], object]] = {**FIELDS, **RUN_OPTIONS}
"""The parser of each hyperparameter, by canonical name."""

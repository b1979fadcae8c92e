"""Check what was typed after `make` before anything is installed.

    make_settings.py MAKEFILE [NAME=VALUE ...] [--environment NAME=VALUE ...]

make itself takes any NAME=VALUE: a misspelled name would change nothing, and a wrong value would be found
where it is used, minutes later. Standard library only: it runs before anything else is installed. The
programs themselves check the rest (hyperparameters, files, models) before they make anything.
"""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path

CHOICES = {
    "DATA": ("sample", "aclimdb", "kaggle"),
    "RECIPE": ("fast", "best", "semi", "predecessor"),
    "WHERE": ("aws", "selfhost"),
    "CONTAINER": ("slim", "ray", "pytorch"),
    "SDK": ("2", "3"),
    "ON": ("here", "sagemaker"),
    "ENDPOINT": ("", "serverless", "instances"),
    "SPOT": ("0", "1"),
    "AUTO": ("", "0", "1"),
    "QUICK": ("", "0", "1"),
}
"""The values of a setting that has a few; where one of them is empty, it may be left out."""
PORT = r"0*[1-9]\d{0,4}"
FORMS = {
    "PORT": (PORT, "a port: a number from 1 to 65535"),
    "WEB_PORT": (PORT, "a port: a number from 1 to 65535"),
    "MLFLOW_PORT": (PORT, "a port: a number from 1 to 65535"),
    "INSTANCES": (r"[1-9]\d{0,8}", "a number of instances: 1 or more"),
    "PROVISIONED": (r"\d{1,9}", "a number of containers: 0 or more"),
    "AUTOSCALE": (r"|[1-9]\d{0,8}:[1-9]\d{0,8}", "MIN:MAX instances, such as 2:10"),
    "CANARY": (r"|[1-9]\d?", "a share of the texts: a number from 1 to 99 (%)"),
    "CANARY_MINUTES": (r"\d{1,9}(\.\d{1,9})?", "a number of minutes, such as 30"),
    "CANARY_ANSWERS": (r"\d{1,9}", "a number of answers, such as 50"),
    "VERSION": (r"|[1-9]\d{0,8}", "the number of a version, such as 3"),
    "WINDOW": (r"[1-9]\d{0,4}[hd]", "hours or days, such as 24h or 7d"),
    "STACK": (
        "[A-Za-z][A-Za-z0-9-]{0,34}",
        "a stack name: a letter, then up to 34 letters, digits and hyphens",
    ),
    "TORCH_INDEX": (
        "|(https?|file)://.+",
        "the URL of a package index, such as https://download.pytorch.org/whl/cpu",
    ),
}
"""The form of a setting with many values, and what that is in words."""


def main(makefile: str, *given: str) -> int:
    """Run the command line. Returns the exit status; errors are one line on standard error."""
    names = re.findall(r"^([A-Z_]+) *[?:]?=", Path(makefile).read_text(encoding="utf-8"), re.M)
    origin = ""
    for pair in given:
        if pair == "--environment":
            origin = "; the environment sets it"
            continue
        name, _, value = pair.partition("=")
        if name not in names:
            near = difflib.get_close_matches(name.upper(), names, 1)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else f'a bare `make` lists the names, and a hyperparameter is set by SET="{name.lower()}=..."'
            )
            return fail(f"there is no setting {name}; {hint}")
        if problem := wrong(name, value):
            return fail(f"{name}={value}{problem}{origin}")
    return 0


def wrong(name: str, value: str) -> str:
    """What is wrong with the value, as it continues NAME=VALUE; empty where nothing is."""
    if name in CHOICES and value not in CHOICES[name]:
        there = [choice for choice in CHOICES[name] if choice]
        near = difflib.get_close_matches(value.lower(), there, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f": choose {', '.join(there[:-1])} or {there[-1]}{hint}"
    form, wanted = FORMS.get(name, (".*", ""))
    fits = re.fullmatch(form, value, re.ASCII | re.DOTALL)
    if not fits or (form == PORT and int(value) > 65535):
        return f" is not {wanted}"
    return ""


def fail(message: str) -> int:
    """Print an error, and return the exit status."""
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

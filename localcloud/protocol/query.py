"""Reads requests of the query protocol in time proportional to the number of their parameters.

moto's own parser looks at all parameters again for each element of a list.
"""

from collections.abc import Mapping
from typing import Any

from botocore.model import Shape
from moto.core.parse import QueryParser as MotosQueryParser

MAX_STEPS = 32
"""More than the path of any member has."""


class QueryParser(MotosQueryParser):
    """moto's parser, which knows the paths that the parameters have."""

    def _do_parse(self, request_dict: Mapping[str, Any], shape: Shape) -> Any:
        values = request_dict["values"].to_dict()
        self._paths = {path for name in values for path in _paths_to(name)}
        return super()._do_parse({**request_dict, "values": values}, shape)  # type: ignore[no-untyped-call]

    def _gonna_recurse(self, query_params: Mapping[str, str], prefix: str) -> bool:
        """Whether no parameter has this path or one below it. moto's name says the opposite."""
        return prefix != "" and prefix not in self._paths


def _paths_to(name: str) -> list[str]:
    """The paths that lead to a parameter, its own included: A, A.member and A.member.1, say."""
    steps = name.split(".", MAX_STEPS)[:MAX_STEPS]
    return [".".join(steps[:count]) for count in range(1, len(steps) + 1)]

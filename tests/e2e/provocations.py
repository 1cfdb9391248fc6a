"""Provocations: the calls that end in an error of the model, and the errors that have none, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

# (operations, errors, why): what is not provoked; patterns, so that `*` stands for all.
Reason = tuple[tuple[str, ...], tuple[str, ...], str]


class Provocations(dict[tuple[str, str], list[Callable]]):
    """Calls by operation and error. A call is what gives the arguments of the operation."""

    def add(self, operations: str | tuple[str, ...], error: str, *asked: Callable) -> None:
        """`asked` gets the world, and the name of the operation where several are given."""
        for operation in (operations,) if isinstance(operations, str) else operations:
            calls = asked if isinstance(operations, str) else [partial(call, operation=operation) for call in asked]
            self.setdefault((operation, error), []).extend(calls)

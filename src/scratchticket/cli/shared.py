"""Options shared by two verbs, as a dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def with_options(kind: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds a dataclass of options to a verb.

    The verb takes an instance of the dataclass as ``shared``. On the command line, each field is an
    option, listed after the verb's own.

    Args:
        kind: Dataclass whose fields have the annotations and defaults of the options.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        hints, added = _hints(verb), _hints(kind)
        own = [p for p in signature(verb).parameters.values() if p.name != "shared"]

        @wraps(verb)
        def call(**options: Any) -> None:
            values = {field.name: options.pop(field.name) for field in fields(kind)}
            verb(**options, shared=kind(**values))

        parameters = [
            Parameter(p.name, Parameter.KEYWORD_ONLY, default=p.default, annotation=hints[p.name])
            for p in own
        ]
        parameters += [
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=added[field.name],
            )
            for field in fields(kind)
        ]
        call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        return call

    return decorate


def _hints(of: Any) -> dict[str, Any]:
    return get_type_hints(of, include_extras=True)

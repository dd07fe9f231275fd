"""Write values of a running program as JSON, for states, without calling the program's code (see `value_text`)."""

from __future__ import annotations

from typing import Any

from scratchpad.programs.tracing.value_text import TextWriter


class JsonWriter(TextWriter):
    """Writes values as JSON, and also as text."""

    def json(self, value: object) -> Any:
        """Return a value as JSON. A tuple becomes a list, and a value that JSON cannot express becomes a text."""
        return self._begin(self._json, value)

    def _json(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return self._charge(value, 4)
        if issubclass(kind, str):
            return self._string(str.__str__(value))
        if issubclass(kind, int):
            return self._integer(int.__index__(value))
        if issubclass(kind, float) and float.__sub__(value, value) == 0:  # neither infinite nor nan
            return self._charge(float.__float__(value), 8)
        if issubclass(kind, list):
            return self._nested(value, self._list)
        if issubclass(kind, tuple):
            return self._nested(value, self._tuple)
        if issubclass(kind, dict):
            return self._nested(value, self._object)
        return self._text(value)

    def _list(self, value: list[Any]) -> list[Any]:
        return self._elements(list.__iter__(value), list.__len__(value), self._json)

    def _tuple(self, value: tuple[Any, ...]) -> list[Any]:
        return self._elements(tuple.__iter__(value), tuple.__len__(value), self._json)

    def _object(self, value: dict[Any, Any]) -> Any:
        written: dict[str, Any] = {}
        for key, item in dict.items(value):
            if self._left <= 0:
                self.cuts += 1
                return written | {"<cut>": f"{dict.__len__(value) - len(written)} more"}
            name = self._key(key)
            if name in written:  # for example, 1 and "1" have the same JSON name
                return self._dict_text(value)
            written[name] = self._json(item)
        return written

    def _key(self, key: Any) -> str:
        if key is None or type(key) is bool:
            return self._charge({None: "null", True: "true", False: "false"}[key], 7)
        return self._string(str.__str__(key)) if issubclass(type(key), str) else self._text(key)

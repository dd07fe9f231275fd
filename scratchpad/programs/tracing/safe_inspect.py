"""Inspect a program's objects without running any of its code.

`value.attribute` and `kind.__name__` may run code: `__getattribute__`, a property, a metaclass. So the functions here
take the descriptors of `type` and of the builtin classes once, and call those.
"""

from __future__ import annotations

import functools
import types
from typing import Any

_TYPE_NAME = type.__dict__["__name__"].__get__
_TYPE_MODULE = type.__dict__["__module__"].__get__
_TYPE_FLAGS = type.__dict__["__flags__"].__get__
_TYPE_ORDER: Any = type.__dict__["__mro__"].__get__
_TYPE_ENTRIES: Any = type.__dict__["__dict__"].__get__
_PARTIAL_FUNCTION = functools.partial.__dict__["func"].__get__
_MODULE_DICT: Any = vars(types.ModuleType)["__dict__"].__get__
_IMMUTABLE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE, which no class made by a program can have
_THREAD_NUMBERS = ("_ident", "_native_id")  # different in every run; one is an address
_NAMED_CODE = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodWrapperType,
    types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
)  # fmt: skip


def type_name(kind: type) -> str:
    return str.__str__(_TYPE_NAME(kind))


def is_builtin(kind: type) -> bool:
    """Whether a class is written in C and immutable, so that no program can have replaced its methods."""
    return bool(_TYPE_FLAGS(kind) & _IMMUTABLE)


def builtin_name(kind: type) -> str:
    """Return module and name of a class written in C, like `decimal.Decimal` or `int`; empty for other classes."""
    if not is_builtin(kind):
        return ""
    module = _TYPE_MODULE(kind)
    return type_name(kind) if module == "builtins" else f"{module}.{type_name(kind)}"


def class_entry(kind: type, name: str) -> object:
    """Return the attribute of a class or its first base that has it, unbound; None if none has it."""
    for base in _TYPE_ORDER(kind):
        entries = _TYPE_ENTRIES(base)
        if name in entries:
            return entries[name]
    return None


def instance_dict(value: object) -> dict[str, object]:
    """Return an instance's `__dict__`; empty if it has none."""
    for base in _TYPE_ORDER(type(value)):
        found = _TYPE_ENTRIES(base).get("__dict__")
        if type(found) is types.GetSetDescriptorType:  # not a property of that name, made by the program
            return found.__get__(value)
    return {}


def attributes(value: object) -> list[tuple[str, object]]:
    """Return names and values of an instance's attributes: slots in the order of its classes, then its `__dict__`."""
    left_out = _THREAD_NUMBERS if is_library_class(type(value), "threading", "Thread") else ()
    found: list[tuple[str, object]] = []
    for base in reversed(_TYPE_ORDER(type(value))):
        if is_builtin(base):
            continue
        for name, member in _TYPE_ENTRIES(base).items():
            if type(member) is types.MemberDescriptorType:
                try:
                    found.append((name, member.__get__(value)))
                except AttributeError:  # a slot without a value
                    continue
    held = [(name, item) for name, item in dict.items(instance_dict(value)) if type(name) is str]
    return found + [(name, item) for name, item in held if name not in left_out]


def is_library_class(kind: type, module: str, name: str) -> bool:
    """Whether a class is, or derives from, a class that the standard library has written in Python."""
    for base in _TYPE_ORDER(kind):
        origin = _TYPE_ENTRIES(base).get("__module__")
        if type_name(base) == name and type(origin) is str and origin == module:
            return True
    return False


def callable_name(value: object) -> str | None:
    """Return the name of a function, method or class; None for others, including instances with `__call__`."""
    kind = type(value)
    if issubclass(kind, type):
        return type_name(value)  # pyright: ignore[reportArgumentType]
    if is_builtin(kind) and kind in _NAMED_CODE:  # builtin first: `in` calls `==`, which a metaclass may define
        return str.__str__(value.__name__)  # pyright: ignore[reportAttributeAccessIssue]
    if kind is types.MethodType:
        return callable_name(value.__func__)  # pyright: ignore[reportAttributeAccessIssue]
    if kind is functools.partial:
        return callable_name(_PARTIAL_FUNCTION(value))
    if builtin_name(kind) == "functools._lru_cache_wrapper":
        return callable_name(instance_dict(value).get("__wrapped__"))
    return None


def module_name(value: object) -> str | None:
    """Return the name of a module; None for others."""
    if not issubclass(type(value), types.ModuleType):
        return None
    name = _MODULE_DICT(value).get("__name__")
    return name if type(name) is str else "?"


def member_name(value: object) -> str | None:
    """Return `A` for the member A of an enumeration; None for others."""
    held = instance_dict(value)
    name = held.get("_name_") if "__objclass__" in held else None
    return name if type(name) is str else None

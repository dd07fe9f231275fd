"""Inspect a program's objects without running the program's code.

`value.attribute` and `kind.__name__` may run code of the program: `__getattribute__`, a property or a metaclass. So
this module reads attributes through the descriptors of `type` and of the builtin classes.
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
_IMMUTABLE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE, a flag that a program cannot give to its classes
_THREAD_NUMBERS = ("_ident", "_native_id")  # different in every run
_NAMED_CODE = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodWrapperType,
    types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
)  # fmt: skip


def type_name(kind: type) -> str:
    return str.__str__(_TYPE_NAME(kind))


def is_builtin(kind: type) -> bool:
    """Return whether a class is written in C and immutable, so that programs cannot replace its methods."""
    return bool(_TYPE_FLAGS(kind) & _IMMUTABLE)


def builtin_name(kind: type) -> str:
    """Return the full name of a class written in C, such as `decimal.Decimal`, or an empty text for other classes."""
    if not is_builtin(kind):
        return ""
    module = _TYPE_MODULE(kind)
    return type_name(kind) if module == "builtins" else f"{module}.{type_name(kind)}"


def class_entry(kind: type, name: str) -> object:
    """Look up an attribute in a class and its bases, without binding it. Return None if no class has the attribute."""
    for base in _TYPE_ORDER(kind):
        entries = _TYPE_ENTRIES(base)
        if name in entries:
            return entries[name]
    return None


def instance_dict(value: object) -> dict[str, object]:
    """Return an instance's `__dict__`, or an empty dict if the instance has no `__dict__`."""
    for base in _TYPE_ORDER(type(value)):
        found = _TYPE_ENTRIES(base).get("__dict__")
        if type(found) is types.GetSetDescriptorType:  # a program may define a property `__dict__`
            return found.__get__(value)
    return {}


def attributes(value: object) -> list[tuple[str, object]]:
    """Return the names and values of an instance's attributes: first the slots, then the entries of `__dict__`."""
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
    """Return whether a class is the given class of the standard library or derives from that class."""
    for base in _TYPE_ORDER(kind):
        origin = _TYPE_ENTRIES(base).get("__module__")
        if type_name(base) == name and type(origin) is str and origin == module:
            return True
    return False


def callable_name(value: object) -> str | None:
    """Return the name of a function, method or class, or None for other values, such as instances with `__call__`."""
    kind = type(value)
    if issubclass(kind, type):
        return type_name(value)  # pyright: ignore[reportArgumentType]
    if is_builtin(kind) and kind in _NAMED_CODE:  # first `is_builtin`, because `in` may call a metaclass
        return str.__str__(value.__name__)  # pyright: ignore[reportAttributeAccessIssue]
    if kind is types.MethodType:
        return callable_name(value.__func__)  # pyright: ignore[reportAttributeAccessIssue]
    if kind is functools.partial:
        return callable_name(_PARTIAL_FUNCTION(value))
    if builtin_name(kind) == "functools._lru_cache_wrapper":
        return callable_name(instance_dict(value).get("__wrapped__"))
    return None


def module_name(value: object) -> str | None:
    """Return the name of a module, or None for other values."""
    if not issubclass(type(value), types.ModuleType):
        return None
    name = _MODULE_DICT(value).get("__name__")
    return name if type(name) is str else "?"


def member_name(value: object) -> str | None:
    """Return the name of an enumeration's member, or None for other values."""
    held = instance_dict(value)
    name = held.get("_name_") if "__objclass__" in held else None
    return name if type(name) is str else None

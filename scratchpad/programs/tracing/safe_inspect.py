"""Looking at a program's objects without running any of its code: not even a `__class__` or a metaclass has a say."""

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
_IMMUTABLE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE, which no class that a program makes can have
_OF_A_THREAD = ("_ident", "_native_id")  # one is an address, both are others in every run
_NAMED_CODE = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodWrapperType,
    types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
)  # fmt: skip


def type_name(kind: type) -> str:
    """A class's name."""
    return str.__str__(_TYPE_NAME(kind))


def is_builtin(kind: type) -> bool:
    """Whether a class is written in C and cannot be changed, so that its methods are what they were."""
    return bool(_TYPE_FLAGS(kind) & _IMMUTABLE)


def builtin_name(kind: type) -> str:
    """Module and name of a class written in C, `decimal.Decimal` or `int`; empty for every other class."""
    if not is_builtin(kind):
        return ""
    module = _TYPE_MODULE(kind)
    return type_name(kind) if module == "builtins" else f"{module}.{type_name(kind)}"


def class_entry(kind: type, name: str) -> object:
    """What a class or the first of its bases has under a name, unbound; None where there is nothing."""
    for base in _TYPE_ORDER(kind):
        entries = _TYPE_ENTRIES(base)
        if name in entries:
            return entries[name]
    return None


def instance_dict(value: object) -> dict[str, object]:
    """An instance's own attributes, without those in slots; empty where it cannot have any."""
    for base in _TYPE_ORDER(type(value)):
        found = _TYPE_ENTRIES(base).get("__dict__")
        if type(found) is types.GetSetDescriptorType:  # not a property of the program's with that name
            return found.__get__(value)
    return {}


def attributes(value: object) -> list[tuple[str, object]]:
    """Names and values of an instance's attributes: slots in the order of its classes, then its dict. Without the
    numbers that the system has given to a thread.
    """
    left_out = _OF_A_THREAD if is_library_class(type(value), "threading", "Thread") else ()
    found: list[tuple[str, object]] = []
    for base in reversed(_TYPE_ORDER(type(value))):
        if is_builtin(base):
            continue
        for name, member in _TYPE_ENTRIES(base).items():
            if type(member) is types.MemberDescriptorType:
                try:
                    found.append((name, member.__get__(value)))
                except AttributeError:  # a slot that holds nothing yet
                    continue
    held = [(name, item) for name, item in dict.items(instance_dict(value)) if type(name) is str]
    return found + [(name, item) for name, item in held if name not in left_out]


def is_library_class(kind: type, module: str, name: str) -> bool:
    """Whether it is that class, which the library has written in Python, or derived from it."""
    for base in _TYPE_ORDER(kind):
        origin = _TYPE_ENTRIES(base).get("__module__")
        if type_name(base) == name and type(origin) is str and origin == module:
            return True
    return False


def callable_name(value: object) -> str | None:
    """The name of a function, a method or a class; None for all else, instances with `__call__` too."""
    kind = type(value)
    if issubclass(kind, type):
        return type_name(value)  # pyright: ignore[reportArgumentType]
    if is_builtin(kind) and kind in _NAMED_CODE:  # a metaclass of the program's might have its own `==`
        return str.__str__(value.__name__)  # pyright: ignore[reportAttributeAccessIssue]
    if kind is types.MethodType:
        return callable_name(value.__func__)  # pyright: ignore[reportAttributeAccessIssue]
    if kind is functools.partial:
        return callable_name(_PARTIAL_FUNCTION(value))
    if builtin_name(kind) == "functools._lru_cache_wrapper":
        return callable_name(instance_dict(value).get("__wrapped__"))
    return None


def module_name(value: object) -> str | None:
    """The name of a module; None for all else."""
    if not issubclass(type(value), types.ModuleType):
        return None
    name = _MODULE_DICT(value).get("__name__")
    return name if type(name) is str else "?"


def member_name(value: object) -> str | None:
    """`A` for the member A of an enumeration; None for all else."""
    held = instance_dict(value)
    name = held.get("_name_") if "__objclass__" in held else None
    return name if type(name) is str else None

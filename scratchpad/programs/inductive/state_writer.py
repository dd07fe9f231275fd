"""Write the machine's state as JSON. A state holds exactly the values on which the rest of a run depends.

If several places refer to an object, the first place has the object's contents and a label, and the other places have
only the label. After

    a = [5]
    b = a
    c = [a]

the variables are `{"a": {"$shared": [1, [5]]}, "b": {"$same": 1}, "c": [{"$same": 1}]}`. Variables that functions share
also have labels (`$variable`). Writing takes two passes. The first pass finds the shared objects (`_Object`,
`_SecondPlace`). The second pass numbers the objects in their order in the JSON, so that equal states have equal JSON.
"""

from __future__ import annotations

import cmath
import math
import sys
from decimal import Decimal
from types import BuiltinFunctionType, CellType, FunctionType, MethodDescriptorType, MethodWrapperType, ModuleType
from typing import Any

from scratchpad.programs.inductive import frames
from scratchpad.programs.inductive.compiled_fragments import FILE
from scratchpad.programs.inductive.compiled_program import MODULE
from scratchpad.programs.inductive.frames import Block, Frame
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.unsupported import MODULES, Unsupported
from scratchpad.programs.inductive.value_codecs import CODECS, flat_pairs

_MOST_NESTED = 100  # a container takes up to 3 levels of JSON, and Python's JSON reader allows about 1,000 levels
_MOST_DECIMAL_BITS = 13_000  # larger integers are in hexadecimal, because Python refuses over 4,300 decimal digits
_PLAIN = frozenset({str, int, float, bool, type(None)})  # types of values that never contain other values

_NOT_A_NUMBER_CONSTANTS = ((math, "nan"), (cmath, "nan"), (cmath, "nanj"))
_TYPE_DESCRIPTIONS = {
    "generator": "generator",
    **{f"dict_reverse{each}iterator": "reversed() of a dict" for each in ("key", "value", "item")},
    **{f"dict_{each}iterator": "iterator of a dict" for each in ("key", "value", "item")},
    "odict_iterator": "iterator of an OrderedDict",
    "set_iterator": "iterator of a set",
    "_deque_iterator": "iterator of a deque",
    "_deque_reverse_iterator": "reversed() of a deque",
}
"""Descriptions of unsupported types, by the name of the type."""

_EXCEPTION_ATTRIBUTES: dict[type[BaseException], tuple[str, ...]] = {
    NameError: ("name",),
    AttributeError: ("name", "obj"),
    ImportError: ("name", "path", "name_from"),  # `name_from` exists from Python 3.12 on
    BlockingIOError: ("characters_written",),
}
"""Attributes of exceptions that are neither in `args` nor in `__dict__`."""


class _Object:
    """A value or variable to which several places may refer. `written`: [JSON], or [] for an unbound variable."""

    def __init__(self, tag: str) -> None:
        self.tag, self.is_shared = tag, False
        self.written: list[Any] = []


class _SecondPlace:
    """The second or a later place that refers to an object."""

    def __init__(self, target: _Object) -> None:
        self.target = target
        target.is_shared = True


def write_state(machine: Machine) -> dict[str, Any]:
    """Return a machine's state as JSON. Raises Unsupported if a variable has a value that states cannot represent."""
    return _StateWriter(machine).state()


class _StateWriter:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._builtins = {id(value): name for name, value in machine.globals["__builtins__"].items()}
        self._objects: dict[int, _Object] = {}  # the keys are addresses of values and cells
        self._labels: dict[int, int] = {}  # the keys are addresses of instances of _Object
        self._depth = 0

    def state(self) -> dict[str, Any]:
        written: dict[str, Any] = {"frames": list(map(self._frame, self._machine.frames))}
        if printed := self._machine.printed.getvalue():
            written["printed"] = printed
        return self._with_labels(written)

    def _frame(self, frame: Frame) -> dict[str, Any]:
        line, part = frame.unit.stop_at(frame.index)
        written: dict[str, Any] = {"in": frame.unit.name, "line": line}
        if part:
            written["part"] = part
        if frame.unit.name == MODULE:  # without Python's own variables, such as `__name__`
            own = [name for name in self._machine.globals if name[:2] != "__" or name[-2:] != "__"]
            written["locals"] = {name: self._value(self._machine.globals[name]) for name in own}
        else:
            names = dict.fromkeys((*frame.unit.parameters, *sorted(frame.cells)))  # parameters first
            written["locals"] = {name: self._variable(frame.cells[name]) for name in names if name[0] != "."}
        if kept := {name: self._variable(cell) for name, cell in frame.cells.items() if name[0] == "."}:
            written["kept"] = kept
        if frame.blocks:
            written["blocks"] = list(map(self._block, frame.blocks))
        return written

    def _block(self, block: Block) -> dict[str, Any]:
        match block:
            case frames.LoopBlock(iterator):
                return {"loop": self._value(iterator)}
            case frames.TryBlock(line):
                return {"try": line}
            case frames.HandlerBlock(name, bound):
                return {"handling": name, **({} if bound is None else {"as": bound})}
            case frames.PendingFinally(line):
                return {"finally": line}
            case frames.RunningFinally(completion, value):
                has_value = completion in ("return", "raise")
                return {"leaving": completion, **({"value": self._value(value)} if has_value else {})}

    # -- first pass: values

    def _variable(self, cell: CellType) -> _Object | _SecondPlace:
        if id(cell) in self._objects:
            return _SecondPlace(self._objects[id(cell)])
        variable = self._objects[id(cell)] = _Object("$variable")
        if cell != CellType():
            variable.written = [self._value(cell.cell_contents)]
        return variable

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            return value if value.bit_length() <= _MOST_DECIMAL_BITS else {"$int": [hex(value)]}
        if kind in (float, complex, Decimal) and "nan" in repr(value).lower():
            constants = (each for each in _NOT_A_NUMBER_CONSTANTS if getattr(*each) is value)
            # Write other NaNs as objects with an identity, because `in` compares NaNs by identity.
            return next(({"$from": [module.__name__, name]} for module, name in constants), None) or self._object(value)
        if kind is float:
            return value if math.isfinite(value) else {"$float": [repr(value)]}
        is_own_function = kind is FunctionType and value.__code__.co_filename == FILE
        if kind in (list, dict) or is_own_function or isinstance(value, BaseException):
            return self._object(value)
        if kind in CODECS:
            return self._object(value) if CODECS[kind].shared else self._coded(value)
        return self._external(value)

    def _object(self, value: Any) -> _Object | _SecondPlace:
        if id(value) in self._objects:
            return _SecondPlace(self._objects[id(value)])
        held = self._objects[id(value)] = _Object("$shared")
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise Unsupported("value nested too deeply")
        held.written = [self._contents(value)]
        self._depth -= 1
        return held

    def _contents(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            return list(map(self._value, value))
        if kind is dict:
            if all(type(key) is str and key[:1] != "$" for key in value):
                return {key: self._value(item) for key, item in value.items()}
            return {"$dict": list(map(self._value, flat_pairs(value)))}
        if kind is float:
            return {"$float": [repr(value)]}
        if kind is FunctionType:
            return self._function(value)
        return self._exception(value) if isinstance(value, BaseException) else self._coded(value)

    def _coded(self, value: Any) -> dict[str, Any]:
        codec = CODECS[type(value)]
        return {f"${codec.tag}": list(map(self._value, codec.parts(value)))}

    def _exception(self, error: BaseException) -> dict[str, Any]:
        """Return an exception as JSON: its class, the attributes that are not arguments, and the arguments."""
        kind = type(error)
        if kind.__module__ != "builtins":
            raise Unsupported(f"value of type {kind.__name__}")
        names = [name for base, names in _EXCEPTION_ATTRIBUTES.items() if isinstance(error, base) for name in names]
        held = {name: getattr(error, name, None) for name in names} | vars(error)
        attributes = {name: self._value(value) for name, value in held.items() if value is not None}
        reduced: Any = error.__reduce__()  # includes the file names of an OSError, which `args` lacks
        return {"$exception": [kind.__name__, attributes, *map(self._value, reduced[1])]}

    def _function(self, value: FunctionType) -> dict[str, Any]:
        """Return a function of the program as JSON: its name, its default values and its closure."""
        function_name = self._machine.program.name_of(value.__code__)
        if function_name is None:
            raise Unsupported("two lambdas in one line", value.__code__.co_firstlineno)
        if not (value.__defaults__ or value.__kwdefaults__ or value.__closure__):
            return {"$function": [function_name]}
        names, cells = value.__code__.co_freevars, value.__closure__ or ()
        defaults = None if value.__defaults__ is None else list(map(self._value, value.__defaults__))
        keyword_defaults = {name: self._value(default) for name, default in (value.__kwdefaults__ or {}).items()}
        closure = {name: self._variable(cell) for name, cell in zip(names, cells, strict=True)}
        return {"$function": [function_name, defaults, keyword_defaults, closure]}

    def _external(self, value: Any) -> dict[str, Any]:
        """Return JSON with the name of a value that the program did not create, such as a builtin."""
        kind = type(value)
        if id(value) in self._builtins:
            return {"$builtin": [self._builtins[id(value)]]}
        if kind is ModuleType:
            return {"$module": [value.__name__]}
        name = str(getattr(value, "__name__", ""))
        for module in sorted(MODULES & sys.modules.keys()):
            if getattr(sys.modules[module], name, None) is value:
                return {"$from": [module, name]}
        if kind in (BuiltinFunctionType, MethodWrapperType) and value.__self__ is not None:
            return {"$method": [self._value(value.__self__), name]}
        if kind is MethodDescriptorType:
            return {"$method": [self._value(value.__objclass__), name]}
        if kind is type:
            raise Unsupported("class created by a call")
        raise Unsupported(_TYPE_DESCRIPTIONS.get(str(kind.__name__), f"value of type {kind.__name__}"))

    # -- second pass: labels

    def _with_labels(self, node: Any) -> Any:
        """Turn the first pass's result into JSON. Omit an unbound variable to which only one place refers."""
        if isinstance(node, _SecondPlace):
            return {"$same": self._labels[id(node.target)]}
        if isinstance(node, _Object):
            if not node.is_shared:
                return self._with_labels(node.written[0])
            label = self._labels[id(node)] = len(self._labels) + 1
            return {node.tag: [label, *map(self._with_labels, node.written)]}
        if isinstance(node, list):
            return [each if type(each) in _PLAIN else self._with_labels(each) for each in node]
        if isinstance(node, dict):
            kept = [name for name, each in node.items() if type(each) is not _Object or each.written or each.is_shared]
            return {name: self._with_labels(node[name]) for name in kept}
        return node

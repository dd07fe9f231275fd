"""The machine's state as JSON: all that the rest of a run depends on, and nothing else."""

from __future__ import annotations

import cmath
import math
import sys
from decimal import Decimal
from types import BuiltinFunctionType, CellType, FunctionType, MethodDescriptorType, MethodWrapperType, ModuleType
from typing import Any

from scratchpad.programs.inductive.compiled_fragments import FILE
from scratchpad.programs.inductive.compiled_program import MODULE
from scratchpad.programs.inductive.machine import Block, Finishing, Frame, Handling, Leaving, Loop, Machine, Trying
from scratchpad.programs.inductive.unsupported import MODULES, Unsupported
from scratchpad.programs.inductive.value_codecs import CODECS, flat_pairs

_DEEPEST = 100  # containers within one another: each takes up to three levels of JSON, of which readers allow 1,000
_LONGEST_INTEGER_BITS = 13_000  # under the 4,300 digits that Python writes
_PLAIN = frozenset({str, int, float, bool, type(None)})  # what is written as it is, and most of a long state

_NOT_A_NUMBER = ((math, "nan"), (cmath, "nan"), (cmath, "nanj"))

_IN_WORDS = {
    "generator": "generator",
    **{f"dict_reverse{each}iterator": "reversed() of a dict" for each in ("key", "value", "item")},
    **{f"dict_{each}iterator": "iterator of a dict" for each in ("key", "value", "item")},
    "odict_iterator": "iterator of an OrderedDict",
    "set_iterator": "iterator of a set",
    "_deque_iterator": "iterator of a deque",
    "_deque_reverse_iterator": "reversed() of a deque",
}
"""What states do not hold, by the name of its type."""

_BESIDE_ARGUMENTS: dict[type[BaseException], tuple[str, ...]] = {
    NameError: ("name",),
    AttributeError: ("name", "obj"),
    ImportError: ("name", "path", "name_from"),  # the last from Python 3.12 on
    BlockingIOError: ("characters_written",),
}
"""What exceptions hold beside their arguments."""


class _Shared:
    """A value, or a variable, that more than one place may hold. written: its one part, none for an empty variable."""

    def __init__(self, tag: str) -> None:
        self.tag, self.again = tag, False
        self.written: list[Any] = []


class _Again:
    """A further place of the same."""

    def __init__(self, shared: _Shared) -> None:
        self.shared = shared
        shared.again = True


def write_state(machine: Machine) -> dict[str, Any]:
    """One state of a machine. Unsupported for values that a state cannot hold."""
    return _StateWriter(machine).state()


class _StateWriter:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._builtins = {id(value): name for name, value in machine.globals["__builtins__"].items()}
        self._seen: dict[int, _Shared] = {}
        self._labels: dict[int, int] = {}
        self._depth = 0

    def state(self) -> dict[str, Any]:
        """The calls in progress, the module's first, and what was printed so far."""
        written: dict[str, Any] = {"frames": list(map(self._frame, self._machine.frames))}
        if printed := self._machine.printed.getvalue():
            written["printed"] = printed
        return self._labelled(written)

    def _frame(self, frame: Frame) -> dict[str, Any]:
        line, part = frame.unit.point(frame.place)
        written: dict[str, Any] = {"in": frame.unit.name, "line": line}
        if part:
            written["part"] = part
        written["locals"] = self._module_names() if frame.unit.name == MODULE else self._locals(frame)
        if kept := {name: self._variable(cell) for name, cell in frame.cells.items() if name[0] == "."}:
            written["kept"] = kept
        if frame.blocks:
            written["blocks"] = list(map(self._block, frame.blocks))
        return written

    def _locals(self, frame: Frame) -> dict[str, Any]:
        """Parameters first, then the others in the order of their names."""
        names = dict.fromkeys((*frame.unit.parameters, *sorted(frame.cells)))
        return {name: self._variable(frame.cells[name]) for name in names if name[0] != "."}

    def _module_names(self) -> dict[str, Any]:
        """Without Python's own, between double underscores."""
        own = {name: value for name, value in self._machine.globals.items() if name[:2] != "__" or name[-2:] != "__"}
        return {name: self._value(value) for name, value in own.items()}

    def _block(self, block: Block) -> dict[str, Any]:
        match block:
            case Loop(iterator):
                return {"loop": self._value(iterator)}
            case Trying(line):
                return {"try": line}
            case Handling(name, bound):
                return {"handling": name, **({} if bound is None else {"as": bound})}
            case Finishing(line):
                return {"finally": line}
            case Leaving(how, value):
                return {"leaving": how, **({"value": self._value(value)} if how in ("return", "raise") else {})}

    # -- values

    def _variable(self, cell: CellType) -> _Shared | _Again:
        if id(cell) in self._seen:
            return _Again(self._seen[id(cell)])
        shared = self._seen[id(cell)] = _Shared("$variable")
        if cell != CellType():
            shared.written = [self._value(cell.cell_contents)]
        return shared

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            return value if value.bit_length() <= _LONGEST_INTEGER_BITS else {"$int": [hex(value)]}
        if kind is float:
            if math.isnan(value):
                return self._not_a_number(value)
            return value if math.isfinite(value) else {"$float": [repr(value)]}
        if kind in (list, dict) or (kind in CODECS and CODECS[kind].shared) or isinstance(value, BaseException):
            return self._shared(value)
        if kind in (complex, Decimal) and "nan" in repr(value).lower():
            return self._not_a_number(value)
        if kind in CODECS:
            return self._tagged(CODECS[kind].tag, CODECS[kind].parts(value))
        if kind is FunctionType and self._is_own(value):
            return self._shared(value)
        return self._named(value)

    def _not_a_number(self, value: Any) -> Any:
        """It is found by which one it is, and modules have their own."""
        for module, name in _NOT_A_NUMBER:
            if getattr(module, name) is value:
                return {"$from": [module.__name__, name]}
        return self._shared(value)

    def _shared(self, value: Any) -> _Shared | _Again:
        if id(value) in self._seen:
            return _Again(self._seen[id(value)])
        shared = self._seen[id(value)] = _Shared("$shared")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unsupported("value nested too deep")
        shared.written = [self._contents(value)]
        self._depth -= 1
        return shared

    def _contents(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            return list(map(self._value, value))
        if kind is dict:
            plain = all(type(key) is str and key[:1] != "$" for key in value)
            if plain:
                return {key: self._value(item) for key, item in value.items()}
            return self._tagged("dict", flat_pairs(value))
        if kind is float:
            return {"$float": [repr(value)]}
        if kind is FunctionType:
            return self._function(value)
        if isinstance(value, BaseException):
            return self._exception(value)
        return self._tagged(CODECS[kind].tag, CODECS[kind].parts(value))

    def _exception(self, error: BaseException) -> dict[str, Any]:
        """Its class, attributes that its arguments do not give, and arguments."""
        kind = type(error)
        if kind.__module__ != "builtins":
            raise Unsupported(f"value of type {kind.__name__}")
        names = [name for base, names in _BESIDE_ARGUMENTS.items() if isinstance(error, base) for name in names]
        held = {name: getattr(error, name, None) for name in names} | vars(error)
        more = {name: self._value(value) for name, value in held.items() if value is not None}
        reduced: Any = error.__reduce__()  # which has an OSError's files, too, that `args` lacks
        return {"$exception": [kind.__name__, more, *map(self._value, reduced[1])]}

    def _tagged(self, tag: str, parts: list[Any]) -> dict[str, Any]:
        return {f"${tag}": list(map(self._value, parts))}

    def _is_own(self, function: FunctionType) -> bool:
        return function.__code__.co_filename == FILE

    def _function(self, value: FunctionType) -> dict[str, Any]:
        """One of the program's: by its name where that is all there is to it."""
        name = self._function_name(value)
        if not (value.__defaults__ or value.__kwdefaults__ or value.__closure__):
            return {"$function": [name]}
        names, cells = value.__code__.co_freevars, value.__closure__ or ()
        defaults = None if value.__defaults__ is None else list(map(self._value, value.__defaults__))
        named = {name: self._value(default) for name, default in (value.__kwdefaults__ or {}).items()}
        closure = {name: self._variable(cell) for name, cell in zip(names, cells, strict=True)}
        return {"$function": [name, defaults, named, closure]}

    def _function_name(self, value: FunctionType) -> str:
        name = self._machine.program.name_of(value.__code__)
        if name is None:
            raise Unsupported("two lambdas in one line", value.__code__.co_firstlineno)
        return name

    def _named(self, value: Any) -> dict[str, Any]:
        """What is not the program's own, by where it is found."""
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
            return self._tagged("method", [value.__self__, name])
        if kind is MethodDescriptorType:
            return self._tagged("method", [value.__objclass__, name])
        if kind is type:
            raise Unsupported("class made by a call")
        raise Unsupported(_IN_WORDS.get(str(kind.__name__), f"value of type {kind.__name__}"))

    # -- labels

    def _labelled(self, node: Any) -> Any:
        """The finished state: what more than one place holds has a number at the first, by which others refer to it."""
        if isinstance(node, _Again):
            return {"$same": self._labels[id(node.shared)]}
        if isinstance(node, _Shared):
            if not node.again:
                return self._labelled(node.written[0])
            label = self._labels[id(node)] = len(self._labels) + 1
            return {node.tag: [label, *map(self._labelled, node.written)]}
        if isinstance(node, list):
            return [each if type(each) in _PLAIN else self._labelled(each) for each in node]
        if isinstance(node, dict):
            return {name: self._labelled(each) for name, each in node.items() if not _is_nothing(each)}
        return node


def _is_nothing(node: Any) -> bool:
    """Whether it is a variable without a value that nothing else holds."""
    return isinstance(node, _Shared) and not node.written and not node.again

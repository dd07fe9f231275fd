"""Restore a machine from a program and a state that `state_writer` wrote."""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.programs.inductive import frames
from scratchpad.programs.inductive.compiled_program import MODULE, CompiledProgram
from scratchpad.programs.inductive.frames import Block, Frame
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.unsupported import MODULES
from scratchpad.programs.inductive.value_codecs import CODECS, ValueCodec, fill_pairs

_CODECS_BY_TAG = {codec.tag: codec for codec in CODECS.values()}


def restore_machine(program: CompiledProgram, state: dict[str, Any]) -> Machine:
    """Return a machine that continues from `state`. Raises ScratchpadError if the program has no such state."""
    machine = Machine(program)
    try:
        _StateReader(machine).read(state)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ImportError, RecursionError) as error:
        raise ScratchpadError(f"not a state of this program: {type(error).__name__}: {error}") from None
    return machine


class _StateReader:
    """Reads a state. Stores a labelled value before reading the value's parts, because they may contain the label."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._labelled: dict[int, Any] = {}

    def read(self, state: dict[str, Any]) -> None:
        self._machine.printed.write(state.get("printed", ""))
        self._machine.frames = [self._frame(frame) for frame in state["frames"]]
        if not self._machine.frames or self._machine.frames[0].unit.name != MODULE:
            raise ValueError("the first frame is not the module's frame")
        self._machine.is_at_line = True

    def _frame(self, written: dict[str, Any]) -> Frame:
        unit = self._machine.program.units[written["in"]]
        cells = {name: CellType() for name in unit.own}
        if unit.name == MODULE:
            self._machine.globals |= {name: self._value(each) for name, each in written["locals"].items()}
        else:
            cells |= {name: self._variable(each) for name, each in written["locals"].items()}
        cells |= {name: self._variable(each) for name, each in written.get("kept", {}).items()}
        blocks = list(map(self._block, written.get("blocks", ())))
        return Frame(unit, cells, unit.index_of(written["line"], written.get("part", 0)), blocks)

    def _block(self, written: dict[str, Any]) -> Block:
        match written:
            case {"loop": iterator}:
                return frames.LoopBlock(self._value(iterator))
            case {"try": line}:
                return frames.TryBlock(line)
            case {"handling": name}:
                return frames.HandlerBlock(name, written.get("as"))
            case {"finally": line}:
                return frames.PendingFinally(line)
            case {"leaving": completion}:
                return frames.RunningFinally(completion, self._value(written.get("value")))
        raise ValueError(f"not a block: {written}")

    def _variable(self, written: Any) -> CellType:
        cell, contents = self._cell(written)
        self._fill(cell, contents)
        return cell

    def _cell(self, written: Any) -> tuple[CellType, list[Any]]:
        """Return a variable's cell and [the value's JSON]. The list is empty if no value has to be read."""
        match written:
            case {"$variable": [label, *contents]}:
                cell = self._labelled[label] = CellType()
                return cell, contents
            case {"$same": label} if isinstance(self._labelled.get(label), CellType):
                return self._labelled[label], []
        return CellType(), [written]

    def _fill(self, cell: CellType, contents: list[Any]) -> None:
        for each in contents:
            cell.cell_contents = self._value(each)

    # -- values

    def _value(self, written: Any, label: int | None = None) -> Any:
        """Read a value from JSON. `label`: the value's label, if other places refer to the value."""
        if isinstance(written, list):
            items: list[Any] = []
            self._note(label, items).extend(map(self._value, written))
            return items
        if not isinstance(written, dict):
            return written
        tag = next(iter(written), "")
        if tag[:1] != "$" or len(written) != 1:
            names: dict[str, Any] = {}
            self._note(label, names).update((name, self._value(each)) for name, each in written.items())
            return names
        return self._tagged(tag[1:], written[tag], label)

    def _note(self, label: int | None, value: Any) -> Any:
        if label is not None:
            self._labelled[label] = value
        return value

    def _tagged(self, tag: str, parts: Any, label: int | None) -> Any:
        if tag == "same":
            return self._labelled[parts]
        if tag == "shared":
            return self._value(parts[1], parts[0])
        if tag == "function":
            return self._function(*parts, label=label)
        if tag == "exception":
            return self._exception(*parts, label=label)
        if tag == "dict":
            pairs: dict[Any, Any] = self._note(label, {})
            fill_pairs(pairs, list(map(self._value, parts)))
            return pairs
        if tag in _CODECS_BY_TAG:
            return self._coded(_CODECS_BY_TAG[tag], parts, label)
        return self._note(label, _OTHER_TAGS[tag](self._machine, *map(self._value, parts)))

    def _coded(self, codec: ValueCodec, parts: list[Any], label: int | None) -> Any:
        if codec.fill is None:
            return self._note(label, codec.build(*map(self._value, parts)))
        value = self._note(label, codec.build())
        codec.fill(value, list(map(self._value, parts)))
        return value

    def _function(self, name: str, *rest: Any, label: int | None) -> Any:
        """Return a function of the program. Fill the closure last, because the closure may contain the function."""
        code = self._machine.program.code_of(name)
        if not rest:
            return self._note(label, FunctionType(code, self._machine.globals, code.co_name))
        defaults, keyword_defaults, closure = rest
        cells = {each: self._cell(closure[each]) for each in code.co_freevars}
        outer = tuple(cell for cell, _ in cells.values())
        function = self._note(label, FunctionType(code, self._machine.globals, code.co_name, None, outer))
        function.__defaults__ = None if defaults is None else tuple(map(self._value, defaults))
        function.__kwdefaults__ = {each: self._value(value) for each, value in keyword_defaults.items()} or None
        for cell, contents in cells.values():
            self._fill(cell, contents)
        return function

    def _exception(self, name: str, attributes: dict[str, Any], *arguments: Any, label: int | None) -> BaseException:
        """Return an exception. Set the attributes last, because an attribute may contain the exception itself."""
        kind = getattr(builtins, name)
        if not issubclass(kind, BaseException):
            raise ValueError(f"not an exception: {name}")
        error = self._note(label, kind(*map(self._value, arguments)))
        error.__setstate__({each: self._value(value) for each, value in attributes.items()})
        return error


def _module(name: str) -> Any:
    if name not in MODULES:
        raise ValueError(f"not a module that programs may use: {name}")
    return importlib.import_module(name)


_OTHER_TAGS: dict[str, Callable[..., Any]] = {
    "int": lambda machine, text: int(text, 16),
    "float": lambda machine, text: float(text),
    "builtin": lambda machine, name: machine.globals["__builtins__"][name],
    "module": lambda machine, name: _module(name),
    "from": lambda machine, module, name: getattr(_module(module), name),
    "method": lambda machine, value, name: getattr(value, name),
}

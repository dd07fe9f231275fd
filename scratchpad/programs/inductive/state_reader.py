"""A machine put into a state that was written before."""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.programs.inductive.compiled_program import MODULE, CompiledProgram
from scratchpad.programs.inductive.machine import Block, Finishing, Frame, Handling, Leaving, Loop, Machine, Trying
from scratchpad.programs.inductive.unsupported import MODULES
from scratchpad.programs.inductive.value_codecs import CODECS, Codec, fill_pairs

_BY_TAG = {codec.tag: codec for codec in CODECS.values()}


def restore_machine(program: CompiledProgram, state: dict[str, Any]) -> Machine:
    """A machine that goes on from a state of the program's. ScratchpadError where it is none."""
    machine = Machine(program)
    try:
        _StateReader(machine).read(state)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ImportError, RecursionError) as error:
        raise ScratchpadError(f"no state of this program: {type(error).__name__}: {error}") from None
    return machine


class _StateReader:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._labelled: dict[int, Any] = {}

    def read(self, state: dict[str, Any]) -> None:
        self._machine.printed.write(state.get("printed", ""))
        self._machine.frames = [self._frame(frame) for frame in state["frames"]]
        if not self._machine.frames or self._machine.frames[0].unit.name != MODULE:
            raise ValueError("its first call is not the module")
        self._machine.stands = True

    def _frame(self, written: dict[str, Any]) -> Frame:
        unit = self._machine.program.units[written["in"]]
        cells = {name: CellType() for name in unit.own}
        if unit.name == MODULE:
            self._machine.globals |= {name: self._value(each) for name, each in written["locals"].items()}
        else:
            cells |= {name: self._variable(each) for name, each in written["locals"].items()}
        cells |= {name: self._variable(each) for name, each in written.get("kept", {}).items()}
        blocks = list(map(self._block, written.get("blocks", ())))
        return Frame(unit, cells, unit.place(written["line"], written.get("part", 0)), blocks)

    def _block(self, written: dict[str, Any]) -> Block:
        match written:
            case {"loop": iterator}:
                return Loop(self._value(iterator))
            case {"try": line}:
                return Trying(line)
            case {"handling": name}:
                return Handling(name, written.get("as"))
            case {"finally": line}:
                return Finishing(line)
            case {"leaving": how}:
                return Leaving(how, self._value(written.get("value")))
        raise ValueError(f"{written} is no block")

    def _variable(self, written: Any) -> CellType:
        cell, contents = self._cell(written)
        self._fill(cell, contents)
        return cell

    def _cell(self, written: Any) -> tuple[CellType, list[Any]]:
        """A variable without its value, and that, or nothing where it has none or has it already."""
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
        """A value; under a label where others refer to it, before its own parts, which may be among those."""
        if isinstance(written, list):
            made: list[Any] = []
            self._note(label, made).extend(map(self._value, written))
            return made
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
        if tag in _BY_TAG:
            return self._built(_BY_TAG[tag], parts, label)
        return self._note(label, _OTHERS[tag](self, *map(self._value, parts)))

    def _built(self, codec: Codec, parts: list[Any], label: int | None) -> Any:
        if codec.fill is None:
            return self._note(label, codec.build(*map(self._value, parts)))
        value = self._note(label, codec.build())
        codec.fill(value, list(map(self._value, parts)))
        return value

    def _function(self, name: str, *made: Any, label: int | None) -> Any:
        """One of the program's functions; its closure may hold itself."""
        code = self._machine.program.code_of(name)
        if not made:
            return self._note(label, FunctionType(code, self._machine.globals, code.co_name))
        defaults, named, closure = made
        cells = {each: self._cell(closure[each]) for each in code.co_freevars}
        outer = tuple(cell for cell, _ in cells.values())
        function = self._note(label, FunctionType(code, self._machine.globals, code.co_name, None, outer))
        function.__defaults__ = None if defaults is None else tuple(map(self._value, defaults))
        function.__kwdefaults__ = {each: self._value(default) for each, default in named.items()} or None
        for cell, contents in cells.values():
            self._fill(cell, contents)
        return function

    def _exception(self, name: str, more: dict[str, Any], *arguments: Any, label: int | None) -> BaseException:
        """An exception; its attributes may hold itself."""
        kind = getattr(builtins, name)
        if not issubclass(kind, BaseException):
            raise ValueError(f"{name} is no exception")
        error = self._note(label, kind(*map(self._value, arguments)))
        error.__setstate__({each: self._value(value) for each, value in more.items()})
        return error

    def _builtin(self, name: str) -> Any:
        return self._machine.globals["__builtins__"][name]


def _module(name: str) -> Any:
    if name not in MODULES:
        raise ValueError(f"{name} is no module that programs may use")
    return importlib.import_module(name)


_OTHERS: dict[str, Callable[..., Any]] = {
    "int": lambda reader, text: int(text, 16),
    "float": lambda reader, text: float(text),
    "builtin": lambda reader, name: reader._builtin(name),
    "module": lambda reader, name: _module(name),
    "from": lambda reader, module, name: getattr(_module(module), name),
    "method": lambda reader, value, name: getattr(value, name),
}

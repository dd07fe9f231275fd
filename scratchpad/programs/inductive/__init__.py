"""A compiler and a machine that run a subset of Python line by line, from states that hold everything a run depends on.

An inductive scratchpad needs an induction on states: the program and one state alone must give the next state. A state
of CPython does not, since it hides the operand stack, the positions of iterators and the order of sets. This package
compiles a program so that nothing is hidden whenever the machine stops, which is before each line:

- A line is cut into *fragments*, which CPython compiles and runs itself, so their results are Python's own. The machine
  keeps control of what may stop within a line: calls of the program's functions, loops, jumps, exceptions
  (`statements`, `compound_statements`, `call_lifting`, `comprehensions`, `compiled_fragments` -> `compiled_program`).
- The machine executes the `instructions`. It holds one frame for each call in progress: the next instruction, the
  variables as cells, and the enclosing loops and `try` statements as a stack of blocks (`machine`).
- `state_writer` writes a machine as JSON, and `state_reader` restores the machine from JSON and the program. They take
  values apart with `value_codecs`, positions of iterators with `iterators`, tables of sets with `cpython_internals`.
- `unsupported` lists what programs may not use.

The induction step is `restore_machine(program, state)`, `machine.advance()` and `write_state(machine)`.

In this program f is called twice in line 3:

    def f(n):
        return n * 2
    y = f(1) + f(5)

The state before line 2 within the second call (`part`: one place to stop in line 3 was passed before; `kept`: values of
the line's parts that are already evaluated):

    {"frames": [{"in": "<module>", "line": 3, "part": 2, "locals": {"f": {"$function": ["f"]}}, "kept": {".1": 2}},
                {"in": "f", "line": 2, "locals": {"n": 5}}]}
"""

"""A compiler and a machine that run programs (in a subset of Python) and record a complete state before each line.

An inductive scratchpad needs an induction on states: the program and one state must determine the next state. The
variables that CPython shows do not suffice, because CPython hides the operand stack, the positions of iterators and the
order of sets. The machine stops before each line. At these stops, nothing is hidden:

- The compiler (`compiled_program`, which uses `statements`, `compound_statements`, `call_lifting`, `comprehensions` and
  `compiled_fragments`) cuts a line into *fragments*. CPython compiles and runs the fragments, so the results are
  Python's own. The machine itself handles loops, jumps, exceptions and calls of the program's functions.
- `machine` executes the `instructions`. The machine holds one frame for each call in progress. A frame holds its next
  instruction's index, its variables in cells, and a stack of blocks for the enclosing loops and `try` statements.
- `state_writer` writes a machine as JSON, and `state_reader` restores the machine from JSON and the program.
  `value_codecs` encodes values, `iterators` reads positions of iterators, `cpython_internals` reads tables of sets.
- `unsupported` lists the constructs that programs may not use.

The induction step is `restore_machine(program, state)`, `machine.advance()` and `write_state(machine)`.

This program calls f twice in line 3:

    def f(n):
        return n * 2
    y = f(1) + f(5)

Below is the state before line 2 in the second call. `part` counts the earlier stops in line 3: the start of the line
and the first call. `kept` holds the result of `f(1)`, which the rest of line 3 needs.

    {"frames": [{"in": "<module>", "line": 3, "part": 2, "locals": {"f": {"$function": ["f"]}}, "kept": {".1": 2}},
                {"in": "f", "line": 2, "locals": {"n": 5}}]}
"""

"""Rules of the package: imports go one way, tasks and rows need no torch, files stay short."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from scratchpad.cli.main import ARGUMENTS

ROOT = Path(__file__).parent.parent
MOST_LINES = 350

LAYERS = (
    ("errors", "number_format", "provenance", "random_stream", "signals"),
    ("config.parse",),
    ("config.lengths",),
    ("programs",),
    ("tasks",),
    ("layout",),
    ("globality",),
    ("models",),
    ("generation",),
    ("evaluation",),
    ("config",),
    ("training",),
    ("config.resolve",),
    ("training.run_folder",),
    ("run",),
    ("training.setup", "training.launcher", "training.dry_run"),
    ("reporting",),
    ("experiments",),
)
"""From the bottom up: packages, and modules with a rank of their own. Modules without an entry
(recipes, cli, api) are above all of them.
"""
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TOP = len(LAYERS)
SKIPPED = {
    ".git",
    ".venv",
    ".venv-lowest",
    "runs",
    "build",
    "dist",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    "node_modules",
}


def files(*endings: str) -> list[Path]:
    """The repository's own files, without environments, caches and runs."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.endswith(".egg-info")]
        found += [Path(folder, name) for name in names if not endings or name.endswith(endings)]
    return sorted(found)


def modules() -> dict[str, ast.Module]:
    """Dotted names of the package's modules and their syntax trees; a package has its folder's name."""
    trees = {}
    for path in files(".py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] == "scratchpad":
            name = ".".join(part for part in parts if part != "__init__")
            trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


MODULES = modules()


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules of the package that a tree imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that they can be read and checked"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (name for name in (whole, node.module) if name in MODULES)


def rank(module: str) -> int:
    """The rank of a module: its own entry, else that of its package."""
    package = module.removeprefix("scratchpad.")
    return RANKS.get(package, RANKS.get(package.partition(".")[0], TOP))


def needed_to_load(tree: ast.Module) -> Iterator[str]:
    """Imports that run when the module is loaded: not those in functions or for type checkers."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If):
            yield from imported(node)


def test_imports_go_one_way() -> None:
    upward = {
        f"{module} imports {other}"
        for module, tree in MODULES.items()
        for other in imported(tree)
        if rank(other) > rank(module)
    }
    assert not upward


def test_programs_are_imported_through_their_package() -> None:
    """Code outside `scratchpad.programs` imports the names of that package, and none of its modules."""
    outside = [tree for module, tree in MODULES.items() if not module.startswith("scratchpad.programs")]
    for folder in ("benchmarks", "examples", "tools"):
        outside += [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py")]
    assert not {name for tree in outside for name in imported(tree) if name.startswith("scratchpad.programs.")}


def test_there_are_no_import_cycles() -> None:
    """TopologicalSorter raises CycleError, which names the cycle."""
    graph = {module: set(needed_to_load(tree)) - {module} for module, tree in MODULES.items()}
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES)


def test_every_folder_has_a_rank() -> None:
    """So that new and renamed folders are checked, too."""
    folders = {path.name for path in (ROOT / "scratchpad").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= {*RANKS, "bench", "cli"}


def test_every_module_can_be_imported() -> None:
    """`import scratchpad.training.trainer as trainer` gives the module; no function hides it."""
    names = sorted(module for module in MODULES if module != "scratchpad.__main__")
    program = "import sys\n" + "".join(f"import {name} as m; assert m is sys.modules[{name!r}]\n" for name in names)
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr


TORCH_FREE_FOLDERS = ("scratchpad.tasks", "scratchpad.programs", "scratchpad.globality")
TORCH_FREE = [
    "scratchpad",
    "scratchpad.errors",
    "scratchpad.number_format",
    "scratchpad.provenance",
    "scratchpad.random_stream",
    "scratchpad.config.lengths",
    "scratchpad.config.parse",
    "scratchpad.signals",
    *sorted(module for module in MODULES if module.startswith(TORCH_FREE_FOLDERS)),
    "scratchpad.evaluation.few_shot",
    "scratchpad.evaluation.text_scoring",
    "scratchpad.layout.attention_rule",
    "scratchpad.layout.codec",
    "scratchpad.layout.rows",
    "scratchpad.layout.vocabulary",
    "scratchpad.cli.main",
]


def test_tasks_and_rows_need_no_torch() -> None:
    program = (
        f"import sys, {', '.join(TORCH_FREE)}; print(*{{'torch', 'transformers', 'matplotlib'}} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stdout.split()


def test_files_stay_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files(".py")}
    assert not {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > MOST_LINES}


def test_files_name_no_path_of_one_machine() -> None:
    path = re.compile(r"(?<![\w.})])/(work|opt|root|home)/\w")
    texts = files(".py", ".md", ".toml", ".txt", ".cff", ".json", ".html", ".jinja", ".yml", ".yaml", "Makefile", "run")
    assert not [str(file.relative_to(ROOT)) for file in texts if path.search(file.read_text(encoding="utf-8"))]


def messages() -> Iterator[str]:
    """The texts of the errors that the package raises, without those of `cli` and `experiments`, which is behind it."""
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            raised = isinstance(node, ast.Raise) and not module.startswith(("scratchpad.cli", "scratchpad.experiments"))
            for part in ast.walk(node) if raised else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def test_messages_of_the_library_name_python_arguments() -> None:
    """Messages say `resume=True`, not --resume. `cli/main.py` translates them for the command line."""
    assert not [text for text in messages() if re.search(r"(?<![\w-])--[a-z]", text)]
    named = {name for text in messages() for name in re.findall("`([^`]+)`", text)}
    assert ARGUMENTS.keys() <= named

"""Load the module of the public implementation, which is in the repository but not in the installed package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

NAME = "benchmarks.public_implementation"
ROOT = Path(__file__).resolve().parents[2]


def load_public_implementation(root: Path = ROOT) -> ModuleType | None:
    """Return the module from the repository, or `None` if the package runs outside its repository."""
    path = root / f"{NAME.replace('.', '/')}.py"
    spec = importlib.util.spec_from_file_location(NAME, path)
    if not path.is_file() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module  # dataclasses look up the module here
    spec.loader.exec_module(module)
    return module

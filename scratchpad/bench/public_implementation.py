"""Loading the module of the public implementation, which is part of the repository, not of the package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

NAME = "benchmarks.public_implementation"
ROOT = Path(__file__).resolve().parents[2]


def load_public_implementation(root: Path = ROOT) -> ModuleType | None:
    """Return the module from the checkout that this package runs from, or `None` without a checkout."""
    path = root / f"{NAME.replace('.', '/')}.py"
    spec = importlib.util.spec_from_file_location(NAME, path)
    if not path.is_file() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module

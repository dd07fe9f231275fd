"""What produced a result: package versions, the commit and the hardware."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


def package_version() -> str:
    """Return the version of this package."""
    try:
        return version("scratchpad")
    except PackageNotFoundError:
        return "(not installed: run from its source)"


def versions() -> dict[str, str]:
    """Return versions by name: of Python, of this package and of the libraries that affect results."""
    libraries = {name: version(name) for name in ("torch", "numpy", "safetensors")}
    return {**libraries, "python": platform.python_version(), "scratchpad": package_version()}


def describe_machine() -> str:
    """Return the hardware and the commit in one line."""
    commit = git_hash()
    return hardware() + (f", commit {commit}" if commit else "")


def hardware() -> str:
    """Return one line: the GPU (if present), processor, cores, threads, and the versions of torch and Python."""
    import torch  # imported here because torch is slow to import and `scratchpad --version` does not need it

    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return (
        f"{gpu}{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


def git_hash() -> str | None:
    """Return the git commit of this package, or None outside a git checkout. `-dirty` marks changed files."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _processor() -> str:
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

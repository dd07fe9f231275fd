"""The origin of results: package versions, the commit, the hardware."""

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
    """Return the versions of Python, this package and the libraries that affect results, by name."""
    libraries = {name: version(name) for name in ("torch", "numpy", "safetensors")}
    return {**libraries, "python": platform.python_version(), "scratchpad": package_version()}


def describe_machine() -> str:
    """Return the hardware and the commit in one line."""
    commit = git_hash()
    return hardware() + (f", commit {commit}" if commit else "")


def hardware() -> str:
    """Return the GPU (if any), the processor, cores, threads and versions of torch and Python, in one line."""
    import torch  # slow to load; `scratchpad --version` does not need torch

    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return (
        f"{gpu}{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


def git_hash() -> str | None:
    """Return the commit of the package's checkout, with `-dirty` if files are changed; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _processor() -> str:
    """Return the processor's name from Linux or, on another system, its architecture."""
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

"""What figures were measured with."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")


def describe_machine() -> str:
    """The machine and the commit, in a line."""
    commit = git_hash()
    return hardware() + (f", commit {commit}" if commit else "")


def hardware() -> str:
    """Processor, cores, the GPU where there is one, torch's threads and version, in a line."""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return (
        f"{gpu}{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


def git_hash() -> str | None:
    """The commit of the checkout this package runs from, `-dirty` where it was changed; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _processor() -> str:
    """The processor's name where Linux tells it, else its architecture."""
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

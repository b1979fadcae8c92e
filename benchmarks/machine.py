"""The machine and the versions that figures were measured with."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "xgboost", "xgboost-cpu", "onnxruntime")


def describe() -> dict[str, Any]:
    """Processor, cores, memory, and the versions of Python and of the packages that compute."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package.removesuffix("-cpu")] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor(),
        "cores": cores,
        "memory_gib": round(_memory_bytes() / 2**30) or None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
    }


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, with its instructions for bfloat16, which determine the speed of training."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    extras = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in named.get("flags", "").split()]
    return " with ".join([named.get("model name") or platform.machine(), *extras[:1]])


def summary(machine: dict[str, Any]) -> str:
    """One line for a table's caption."""
    versions = machine["versions"]
    memory = f", {machine['memory_gib']} GiB" if machine["memory_gib"] else ""
    named = [
        f"{name} {versions[name]}"
        for name in ("torch", "onnxruntime", "scikit-learn", "xgboost")
        if name in versions
    ]
    return (
        f"{machine['cores']} cores of {machine['processor']}{memory}, {machine['system']}, "
        f"Python {versions['python']}, {', '.join(named)}"
    )


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0

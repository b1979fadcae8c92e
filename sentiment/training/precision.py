"""Choose the number format of training: float32, or bfloat16 if the hardware is made for it.

Whether bfloat16 works is found out by trying: oneDNN's LSTM kernels, for example, need AVX-512, and say so
only when they are called. Whether it is faster depends on the processor: without instructions for it, a step
in bfloat16 takes longer than one in float32.
"""

from pathlib import Path

import torch
from torch import nn

from sentiment.errors import TrainingError

CPU_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
"""The flags in /proc/cpuinfo for instructions that multiply bfloat16 numbers."""


def choose_bfloat16(precision: str, device: str) -> bool:
    """Whether to train in bfloat16 on `device` ("cpu" or "cuda"); `precision` is one of PRECISIONS.

    "auto" chooses bfloat16 if it works and is faster. Raises TrainingError if bfloat16 is requested but does
    not work.
    """
    if precision == "auto":
        return _has_instructions(device) and bfloat16_failure(device) is None
    if precision == "bfloat16" and (failure := bfloat16_failure(device)) is not None:
        raise TrainingError(
            f"an LSTM cannot be trained in bfloat16 on this machine ({failure}); use --precision float32"
        )
    return precision == "bfloat16"


def bfloat16_failure(device: str) -> str | None:
    """Train a tiny LSTM for one step in bfloat16; return None if that works, else torch's message."""
    lstm = nn.LSTM(8, 8, batch_first=True, bidirectional=True).to(device)
    words = torch.zeros(2, 4, 8, device=device, requires_grad=True)
    try:
        with torch.autocast(device, torch.bfloat16):
            states, _ = lstm(words)
        states.float().sum().backward()
    except RuntimeError as error:
        return str(error).partition("\n")[0].partition(". Run workload")[0]
    return None


def _has_instructions(device: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = cpuinfo.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return not set(CPU_INSTRUCTIONS).isdisjoint(flags)

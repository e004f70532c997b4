"""The machine that the benchmarks run on, and how libraries are limited to a part of it."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path
from typing import Any

# Environment variables that limit the instruction set of every library that has such a switch (ONNX Runtime has none).
ISA_VARIABLES: dict[str, dict[str, str]] = {
    "best": {},
    "avx2": {
        "CNNCORE_ISA": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
    "avx512": {  # without the instructions for 16-bit operands
        "CNNCORE_ISA": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX512",
    },
    "avx512_bf16": {  # without AMX
        "CNNCORE_ISA": "avx512_bf16",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16",
        "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512_E3",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX512_BF16",
    },
}


def machine() -> dict[str, Any]:
    """Facts about this machine, which belong to the figures."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "isas": [isa for isa in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if isa in flags],
        "system": platform.platform(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
    }


def describe_machine(host: dict[str, Any]) -> str:
    """For headings: "AMD EPYC, 2 cores, avx2 avx512f avx512_bf16"."""
    cores = f"{host['cores']} core{'s' * (host['cores'] > 1)}"
    return ", ".join([host["cpu"], cores, " ".join(host["isas"])]).removesuffix(", ")

"""The names of instruction sets that matter to llama.cpp, as kernels and systems write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# /proc/cpuinfo: "flags" of x86 (arch/x86/include/asm/cpufeatures.h), "Features" of ARM
# (arch/arm64/kernel/cpuinfo.c and, for 32 bits, arch/arm/kernel/setup.c).
LINUX: Mapping[str, str] = {
    "ssse3": "SSSE3",
    "sse4_2": "SSE4.2",
    "f16c": "F16C",
    "fma": "FMA",
    "bmi2": "BMI2",
    "avx": "AVX",
    "avx2": "AVX2",
    "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512",
    "avx512vbmi": "AVX-512 VBMI",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_tile": "AMX",
    "amx_int8": "AMX INT8",
    "amx_bf16": "AMX BF16",
    "neon": "NEON",
    "asimd": "NEON",
    "asimdhp": "FP16",
    "asimddp": "DotProd",
    "i8mm": "I8MM",
    "bf16": "BF16",
    "sve": "SVE",
    "sve2": "SVE2",
    "sme": "SME",
    "sme2": "SME2",
}

# sysctl: names that are 1 where a Mac has it (xnu, bsd/kern/kern_mib.c).
MACOS: Mapping[str, str] = {
    "hw.optional.supplementalsse3": "SSSE3",
    "hw.optional.sse4_2": "SSE4.2",
    "hw.optional.f16c": "F16C",
    "hw.optional.fma": "FMA",
    "hw.optional.bmi2": "BMI2",
    "hw.optional.avx1_0": "AVX",
    "hw.optional.avx2_0": "AVX2",
    "hw.optional.avx512f": "AVX-512",
    "hw.optional.avx512vbmi": "AVX-512 VBMI",
    "hw.optional.neon": "NEON",
    "hw.optional.AdvSIMD": "NEON",
    "hw.optional.arm.AdvSIMD": "NEON",
    "hw.optional.arm.FEAT_FP16": "FP16",
    "hw.optional.arm.FEAT_DotProd": "DotProd",
    "hw.optional.arm.FEAT_I8MM": "I8MM",
    "hw.optional.arm.FEAT_BF16": "BF16",
    "hw.optional.arm.FEAT_SME": "SME",
    "hw.optional.arm.FEAT_SME2": "SME2",
}

# winnt.h: PF_… of IsProcessorFeaturePresent.
WINDOWS: Mapping[int, str] = {
    19: "NEON",
    36: "SSSE3",
    38: "SSE4.2",
    39: "AVX",
    40: "AVX2",
    41: "AVX-512",
    43: "DotProd",
    46: "SVE",
    47: "SVE2",
}


def of_flags(flags: Iterable[str]) -> frozenset[str]:
    """The instruction sets among the words of /proc/cpuinfo."""
    return frozenset(LINUX[flag] for flag in flags if flag in LINUX)

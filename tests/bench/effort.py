"""How often and how long is measured: HEARTH_BENCH_QUICK only shows that it works."""

from __future__ import annotations

import os

QUICK = "HEARTH_BENCH_QUICK"
_IS_QUICK = bool(os.environ.get(QUICK))

STARTS = 1 if _IS_QUICK else 15  # of the window, until its first paint
READY_STARTS = 1 if _IS_QUICK else 5
ROUNDS = 1 if _IS_QUICK else 7  # of each generation and prompt
PROCESSOR_RUNS = 1 if _IS_QUICK else 3
SECONDS = 1.0 if _IS_QUICK else 20.0  # that an answer is watched for
CHUNKS = 500 if _IS_QUICK else 4000  # of each stream from a server
STREAMS = 1 if _IS_QUICK else 3  # of each sort, and searches and lists
CANCELS = 3 if _IS_QUICK else 50
LOOKS = 3 if _IS_QUICK else 100  # for servers
LIBRARY_LOOKS = 3 if _IS_QUICK else 15  # at a thousand model files
TRIALS = 1 if _IS_QUICK else 3  # of each of a model's speeds
SETTLING = 1.0 if _IS_QUICK else 15.0  # seconds after the start, before a window is at rest
RESTING = 1.0 if _IS_QUICK else 30.0  # that it is watched at rest

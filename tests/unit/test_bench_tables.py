"""The tables of `hearth bench`, of figures that are given."""

from __future__ import annotations

import dataclasses
import math

import pytest

from app.cli import bench_rows, bench_tables, bench_tuning
from app.cli.bench_rows import Place, Row
from app.llm import trials
from app.llm.trials import Runs, Speed, Trial, Tuning
from app.schema import LoadPlan, ModelRef

PLAN = LoadPlan("/m/tiny.gguf", n_ctx=512, n_threads=2, n_threads_batch=4)
HERE = Place(
    ModelRef("local", "/m/tiny.gguf"),
    "Tiny",
    "CPU",
    backend="CPU",
    engine="0.3.36",
    description="llama ?B all F32",
    size=1_040_128,
    parameters=260_032,
    plan=PLAN,
)
SERVER = Place(ModelRef("ollama", "qwen3"), "ollama:qwen3", "Ollama", "Ollama", "0.33.2", "qwen3")
PROMPT = trials.Test(512, is_prompt=True, runs=2)
ANSWER = trials.Test(128, is_prompt=False, runs=2)


def runs(test: trials.Test, *rates: float) -> Runs:
    return Runs(test.tokens, tuple(test.tokens / rate for rate in rates))


READ = Row(HERE, PROMPT, runs(PROMPT, 100, 110))
WROTE = Row(HERE, ANSWER, runs(ANSWER, 20, 21, 25), predicted=19.5)
ASKED = Row(SERVER, trials.Test(509, is_prompt=True), runs(PROMPT, 90), is_estimate=True)
AWAY = Row(SERVER, failure="Ollama does not run | now.")


def test_a_person_sees_who_ran_where_and_how_fast() -> None:
    assert list(bench_tables.table([READ, WROTE, ASKED, AWAY])) == [
        "MODEL         RUNS ON  THREADS  TEST         TOKENS/S  MEDIAN  PREDICTED",
        "Tiny          CPU            4  pp512   105.00 ± 7.07  105.00          -",
        "Tiny          CPU            2  tg128    22.00 ± 2.65   21.00      19.50",
        "ollama:qwen3  Ollama         -  pp509  ≈ 90.00 ± 0.00   90.00          -",
        "ollama:qwen3  Ollama   Ollama does not run | now.",
        "",
        bench_tables.NOTE,
    ]


def test_what_is_predicted_has_a_column_where_it_is_known() -> None:
    assert "PREDICTED" not in next(bench_tables.table([READ]))
    assert bench_tables.NOTE not in list(bench_tables.table([READ, WROTE]))


def test_models_that_all_failed_have_their_sentences() -> None:
    assert list(bench_tables.table([AWAY])) == [
        "MODEL         RUNS ON",
        "ollama:qwen3  Ollama   Ollama does not run | now.",
    ]


# The lines of llama-bench itself, but for the figures of speed.
BENCH = """\
| model                          |       size |     params | backend    | threads |            test |                  t/s |
| ------------------------------ | ---------: | ---------: | ---------- | ------: | --------------: | -------------------: |
| llama ?B all F32               |   0.99 MiB |     0.26 M | CPU        |       2 |           pp512 |        105.00 ± 7.07 |
| llama ?B all F32               |   0.99 MiB |     0.26 M | CPU        |       2 |           tg128 |         22.00 ± 2.65 |\
""".splitlines()  # noqa: E501


def test_markdown_is_that_of_llama_bench() -> None:
    two = dataclasses.replace(HERE, plan=dataclasses.replace(PLAN, n_threads_batch=2))
    rows = [dataclasses.replace(row, place=two) for row in (READ, WROTE)]
    assert list(bench_tables.markdown(rows)) == BENCH


def test_markdown_of_a_server_has_what_is_known_of_it() -> None:
    lines = list(bench_tables.markdown([ASKED, AWAY]))
    assert lines[:2] == BENCH[:2]
    assert lines[2] == (
        f"| {'qwen3':30} | {'':10} | {'':10} | Ollama     | {'':7} | {'pp509':>15} "
        f"| {'≈ 90.00 ± 0.00':>20} |"
    )
    assert lines[3].endswith(" | Ollama does not run \\| now. |")
    assert lines[-1] == bench_tables.NOTE


@pytest.mark.parametrize(("given", "threads"), [(False, ""), (True, " threads |")])
def test_markdown_of_a_graphics_card_tells_its_layers(given: bool, threads: str) -> None:
    place = dataclasses.replace(
        HERE, backend="CUDA", size=int(7.95 * 2**30), parameters=8_030_000_000
    )
    lines = list(
        bench_tables.markdown([dataclasses.replace(READ, place=place)], with_threads=given)
    )
    assert lines[0] == (
        f"| {'model':30} |       size |     params | backend    | ngl |{threads}"
        f" {'test':>15} | {'t/s':>20} |"
    )
    number = "       4 |" if given else ""
    assert f" |   7.95 GiB |     8.03 B | CUDA       |  -1 |{number} " in lines[2]


def test_metal_beside_blas_is_told_as_llama_bench_does() -> None:
    place = dataclasses.replace(HERE, backend="MTL,BLAS")
    assert next(bench_tables.markdown([dataclasses.replace(READ, place=place)])) == BENCH[0]


def test_json_has_the_names_of_llama_bench() -> None:
    told = bench_rows.as_json(WROTE)
    assert (told["test"], told["n_prompt"], told["n_gen"]) == ("tg128", 0, 128)
    assert told["samples_ts"] == pytest.approx([20, 21, 25])
    assert told["avg_ts"] == pytest.approx(22)
    assert told["stddev_ts"] == pytest.approx(math.sqrt(7))
    assert told["median_ts"] == pytest.approx(21)
    assert (told["threads"], told["backend"], told["predicted_ts"]) == (2, "CPU", 19.5)
    assert bench_rows.as_json(READ)["threads"] == 4
    asked = bench_rows.as_json(ASKED)
    assert (asked["test"], asked["n_prompt"], asked["threads"]) == ("pp509", 509, None)
    assert asked["is_estimate"]
    assert bench_rows.as_json(AWAY)["error"] == "Ollama does not run | now."


TUNING = Tuning(
    "/m/tiny.gguf",
    "0.3.36",
    "0123456789abcdef",
    "2026-11-21",
    (
        Trial("", PLAN, READ.runs, WROTE.runs, Speed(99.0, 19.5)),
        Trial("4 threads", PLAN, None, runs(ANSWER, 30), Speed(99.0, 28.0)),
        Trial("KV cache in q8_0", PLAN, None, runs(ANSWER, 18), depth=1024),
    ),
    kept=1,
)


def test_what_was_tried_stands_beside_what_was_predicted() -> None:
    assert list(bench_tuning.table(TUNING)) == [
        "TRIED                                   PROMPT  PREDICTED  GENERATION  PREDICTED",
        "the plan as it is                       105.00      99.00       21.00      19.50",
        "4 threads                                    -          -       30.00      28.00  kept",
        "KV cache in q8_0 (behind 1,024 tokens)       -          -       18.00          -",
        "Kept: 4 threads; writing 30 tokens/s instead of 21 tokens/s.",
    ]
    assert "| 4 threads | - | - | 30.00 | 28.00 | kept |" in list(bench_tuning.markdown(TUNING))


def test_where_nothing_was_faster_the_plan_is_kept() -> None:
    outcome = bench_tuning.outcome(dataclasses.replace(TUNING, kept=0))
    assert outcome == "Nothing was faster than the plan, which stays as it is."


def test_json_of_a_search_has_all_trials() -> None:
    told = bench_tuning.as_json(TUNING)
    assert [one["is_kept"] for one in told["trials"]] == [False, True, False]
    assert [one["change"] for one in told["trials"]] == ["", "4 threads", "KV cache in q8_0"]
    assert told["trials"][1]["prompt_ts"] is None
    assert told["trials"][1]["generation_ts"] == pytest.approx(30)
    assert told["trials"][0]["predicted_generation_ts"] == 19.5

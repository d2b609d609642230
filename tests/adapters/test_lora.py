"""LoRA adapters: what they change, how strongly, and which of them are refused."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from app import core as cores
from app.errors import ModelError, ModelFileError, ModelLoadError
from app.llm.providers.local import LocalProvider
from app.llm.runner.llama.engine import Engine
from app.llm.runner.preflight import Preflight
from app.llm.runner.queued import QueuedRunner
from app.schema import Adapter, LoadProgress, ModelRef, Request, Sampling
from app.settings import AdapterSetting
from tests.adapters.conftest import plan_for
from tests.adapters.test_cli import hearth
from tests.adapters.test_engine import collect
from tests.fakes.gguf_lora import write_lora, write_merged
from tests.fakes.gguf_models import Shape

QUESTION = Request(raw="abc", sampling=Sampling(temperature=0, max_tokens=40))


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(tmp_path_factory.mktemp("adapters") / "lora.gguf")


def answer(engine: Engine, model: Path, *adapters: Adapter) -> str:
    engine.load(plan_for(model, adapters=adapters), lambda _fraction: None)
    return collect(engine.generate(QUESTION))[0]


def ignore(_progress: LoadProgress) -> None:
    pass


@pytest.mark.parametrize("scale", [1.0, 0.5, -1.0])
def test_a_model_with_an_adapter_answers_as_one_that_it_was_merged_into(
    engine: Engine, tiny: Path, lora: Path, tmp_path: Path, scale: float
) -> None:
    changed = answer(engine, tiny, Adapter(str(lora), scale))
    assert changed == answer(engine, write_merged(tiny, tmp_path / "merged.gguf", scale))
    assert changed != answer(engine, tiny)


def test_a_scale_of_0_is_no_change_and_the_next_load_is_free_of_it(
    engine: Engine, tiny: Path, lora: Path
) -> None:
    plain = answer(engine, tiny)
    assert answer(engine, tiny, Adapter(str(lora), 0)) == plain
    assert answer(engine, tiny, Adapter(str(lora), 1)) != plain
    assert answer(engine, tiny) == plain


def test_several_adapters_add_up(engine: Engine, tiny: Path, lora: Path, tmp_path: Path) -> None:
    other = write_lora(tmp_path / "other.gguf", seed=6)
    both = answer(engine, tiny, Adapter(str(lora), 1), Adapter(str(other), 1))
    merged = write_merged(tiny, tmp_path / "one.gguf", 1)
    assert both == answer(engine, write_merged(merged, tmp_path / "both.gguf", 1, seed=6))
    assert both != answer(engine, merged)


def test_texts_are_compared_by_the_model_with_its_adapters(
    engine: Engine, tiny: Path, lora: Path
) -> None:
    answer(engine, tiny)
    plain = engine.embed(["abc"])
    answer(engine, tiny, Adapter(str(lora), 0))
    assert engine.embed(["abc"]) == plain
    answer(engine, tiny, Adapter(str(lora), 1))
    assert engine.embed(["abc"]) != plain


def _truncated(file: Path) -> Path:
    data = write_lora(file).read_bytes()
    file.write_bytes(data[:-200])
    return file


REFUSED: dict[str, tuple[Callable[[Path], Path], type[ModelError], str]] = {
    "missing": (lambda file: file, ModelFileError, "is not there any more"),
    "truncated": (_truncated, ModelFileError, "is incomplete"),
    "a model": (lambda file: write_lora(file, kind="model"), ModelFileError, "is not a LoRA"),
    "another kind": (lambda file: write_lora(file, method="ia3"), ModelFileError, "is not a LoRA"),
    "half": (lambda file: write_lora(file, parts=["lora_a"]), ModelFileError, "is damaged"),
    "empty": (lambda file: write_lora(file, tensors=[]), ModelFileError, "is damaged"),
    "another architecture": (
        lambda file: write_lora(file, shape=Shape(architecture="qwen2")),
        ModelLoadError,
        "architecture “qwen2”.* architecture “llama”",
    ),
    "more layers": (
        lambda file: write_lora(file, shape=Shape(layers=3)),
        ModelLoadError,
        "does not fit .*tensors that the model does not have",
    ),
    "wider": (
        lambda file: write_lora(file, shape=Shape(embedding=128)),
        ModelLoadError,
        "does not fit .*other sizes",
    ),
    "activated": (
        lambda file: write_lora(file, invocation=[1, 2]),
        ModelLoadError,
        "activated LoRA",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_becomes_a_sentence(
    engine: Engine, tiny: Path, tmp_path: Path, case: str
) -> None:
    write, kind, sentence = REFUSED[case]
    file = write(tmp_path / "odd.gguf")
    plain = answer(engine, tiny)
    with pytest.raises(kind, match=sentence) as caught:
        answer(engine, tiny, Adapter(str(file)))
    assert "odd.gguf" in caught.value.message
    assert caught.value.remedy
    assert answer(engine, tiny) == plain


async def test_a_model_is_tried_together_with_its_adapters(
    tiny: Path, lora: Path, tmp_path: Path
) -> None:
    preflight = Preflight(tmp_path / "preflight.json")
    fractions: list[float] = []
    alone = plan_for(tiny)
    both = dataclasses.replace(alone, adapters=(Adapter(str(lora)),))
    await preflight.check(alone, fractions.append)
    fractions.clear()
    assert (await preflight.check(both, fractions.append)).adapters == both.adapters
    assert fractions[-1] == 1.0
    fractions.clear()
    weaker = dataclasses.replace(alone, adapters=(Adapter(str(lora), 0.5),))
    await preflight.check(alone, fractions.append)
    await preflight.check(weaker, fractions.append)
    assert not fractions, "both are known"
    wide = write_lora(tmp_path / "wide.gguf", shape=Shape(embedding=128))
    with pytest.raises(ModelLoadError, match=r"“wide\.gguf” does not fit “tiny\.gguf”"):
        await preflight.check(
            dataclasses.replace(alone, adapters=(Adapter(str(wide)),)), fractions.append
        )


async def test_the_provider_loads_a_model_with_its_adapters(
    core: cores.Core, tiny: Path, lora: Path, tmp_path: Path
) -> None:
    wanted = [Adapter(str(lora), 0.5)]
    runner, preflight = QueuedRunner(core.worker), Preflight(tmp_path / "preflight.json")
    provider = LocalProvider(runner, preflight, list, core.plans, lambda _model: wanted)
    loaded = await provider.load(str(tiny), ignore)
    assert loaded.adapters == (Adapter(str(lora), 0.5),)
    wanted.append(Adapter(str(tmp_path / "away.gguf")))
    with pytest.raises(ModelFileError, match=r"away\.gguf"):
        await provider.load(str(tiny), ignore)
    assert provider.loaded == str(tiny), "the model before it stays"
    await provider.aclose()


async def test_the_settings_name_the_adapters_of_a_model(
    core: cores.Core, tiny: Path, bare: Path, lora: Path
) -> None:
    models = core.settings.settings.models
    models.adapters = {str(tiny): (AdapterSetting(path=str(lora), scale=0.25),)}
    for file, adapters in ((tiny, (Adapter(str(lora), 0.25),)), (bare, ())):
        await core.manager.load(ModelRef("local", str(file)))
        loaded = core.manager.state.loaded
        assert loaded is not None
        assert loaded.adapters == adapters


def test_the_command_line_takes_adapters(tiny: Path, lora: Path, tmp_path: Path) -> None:
    def ask(model: Path, *options: object) -> str:
        options = ("--raw", "--temperature", 0, "--max-tokens", 20, *options)
        done = hearth(tmp_path / "home", "ask", "--model", model, *options, "abc")
        assert done.returncode == 0, done.stderr
        return done.stdout

    half = write_merged(tiny, tmp_path / "half.gguf", 0.5)
    assert ask(tiny, "--lora", f"{lora}=0.5") == ask(half) != ask(tiny)
    assert ask(tiny, "--lora", f"{lora}=0.25", "--lora", f"{lora}=0.25") == ask(half)


def test_the_chat_in_the_terminal_names_them(tiny: Path, lora: Path, tmp_path: Path) -> None:
    options = ("--model", tiny, "--lora", f"{lora}=0.5", "--max-tokens", 2)
    done = hearth(tmp_path / "home", "chat", *options, stdin="hello\n")
    assert done.returncode == 0
    assert "adapter lora.gguf × 0.5" in done.stderr


@pytest.mark.parametrize("options", [["--lora", "a.gguf=11"], ["--lora", "=1"]])
def test_an_adapter_that_cannot_be_meant_is_a_usage_error(
    tmp_path: Path, tiny: Path, options: list[str]
) -> None:
    done = hearth(tmp_path / "home", "ask", "--model", tiny, *options, "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--lora" in done.stderr


def test_an_adapter_is_for_a_file_of_this_computer(tmp_path: Path, lora: Path) -> None:
    done = hearth(tmp_path / "home", "ask", "--model", "ollama:qwen", "--lora", lora, "x")
    assert done.returncode == 2
    assert "ollama:qwen is a server's model" in done.stderr

"""What the window is told of this computer and of the loads of its models."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app import gguf
from app.errors import ModelFileError
from app.gguf import Header
from app.llm import wished
from app.llm.optimizer import survey
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Power, Processor
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.wishes import Wishes
from app.llm.plans_view import PlansView
from app.llm.providers.local_plans import LocalPlans, Subject
from app.llm.workbench import Outlook, Workbench
from app.schema import EngineBuild, LoadedModel, LoadPlan, ModelInfo, ModelRef
from app.settings import Models, SettingsFile, WishSetting
from tests.fakes import shaped_models

GB = 1 << 30
BUILD = EngineBuild("0.3.36", can_offload=True, backends=("CPU",))
Open = Callable[..., Workbench]


def computer(free: float = 8, *cards: float) -> Computer:
    """16 GiB of memory, so many of them free, and cards with so many GiB."""
    return Computer(
        Processor(physical_cores=8, logical_cores=16, performance_cores=8),
        Memory(16 * GB, round(free * GB)),
        tuple(
            Gpu(f"Card {at}", total=round(size * GB), free=round(size * GB), is_usable=True)
            for at, size in enumerate(cards)
        ),
    )


@dataclasses.dataclass
class Told:
    """The facts, as a test has them."""

    known: Computer
    renewed: int = 0

    def now(self) -> Computer:
        return self.known

    def renew(self) -> Computer:
        self.renewed += 1
        return self.known


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of 4.6 GB, by its header."""
    return shaped_models.write(tmp_path_factory.mktemp("models") / "qwen.gguf", "qwen2")


def view(folder: Path, known: Computer, models: Models) -> PlansView:
    return PlansView(Told(known), Remembered(folder / "p.json", "0"), lambda: BUILD, lambda: models)


def planned(folder: Path, known: Computer, models: Models, path: Path) -> LoadPlan:
    """The plan that a load would have."""
    plans = LocalPlans(
        Told(known),
        Remembered(folder / "p.json", "0"),
        lambda one: wished.of_model(models, one, lambda: known.power.on_battery),
    )
    return plans.made(Subject(_header(path)))


def _header(path: Path) -> Header:

    return gguf.read(path)


@pytest.fixture
def bench(tmp_path: Path, model: Path) -> Open:
    """Opens the model, loaded as planned or not."""

    def opened(
        known: Computer, models: Models | None = None, *, is_loaded: bool = False
    ) -> Workbench:
        models = models or Models()
        ref = ModelRef("local", str(model))
        made = planned(tmp_path, known, models, model)
        loaded = LoadedModel(ModelInfo(ref, "Qwen"), made.n_ctx, made.n_threads, plan=made)
        return view(tmp_path, known, models).open(ref, loaded if is_loaded else None)

    return opened


def value(outlook: Outlook, choice: str) -> str:
    return next(one.value for one in outlook.lines if one.choice == choice)


def test_each_choice_is_told_with_its_value_and_why(bench: Open) -> None:
    present = bench(computer(), is_loaded=True).present()
    told = {one.name: (one.value, one.reason) for one in present.lines}
    assert next(iter(told)) == "Context"
    assert told["Context"][0] == "8,192 tokens"
    assert told["Context"][1].startswith("Enough for a long chat; ")
    assert told["Threads"][0] == "8 threads"
    assert told["Threads"][1].startswith("One for each of your 8 cores")
    assert told["KV cache"] == ("f16", "Exact, and there is room for it.")
    assert told["Layers on graphics cards"][0] == "None"
    assert told["Batch"][1].startswith("llama.cpp's own steps")
    assert {"Flash attention", "Memory mapping", "Memory locking"} <= told.keys()


def test_the_parts_of_the_memory_add_up_beside_what_is_free(bench: Open) -> None:
    opened = bench(computer(8, 3, 2))
    present = opened.present()
    assert [one.device for one in present.memory] == ["This computer's memory", "Card 0", "Card 1"]
    for use in present.memory:
        assert sum(size for _, size in use.parts) == use.total > 0
        assert use.free is not None
    assert {"Weights", "KV cache", "Computing"} <= {name for name, _ in present.memory[1].parts}
    assert present.memory[1].free == 2 * GB, "a gigabyte is left to the desktop"


def test_what_is_loaded_counts_as_free_for_its_next_load(bench: Open) -> None:
    idle, loaded = bench(computer(8)), bench(computer(8), is_loaded=True)
    taken = loaded.present().memory[0].total
    before, after = idle.present().memory[0].free, loaded.present().memory[0].free
    assert before is not None
    assert after == before + taken


@pytest.mark.parametrize(
    "wanted",
    [
        WishSetting(),
        WishSetting(context=16_384, type_k="q8_0", type_v="q8_0"),
        WishSetting(threads=3, threads_batch=5, batch=512, ubatch=64, use_mlock=True),
        WishSetting(flash_attention=False, use_mmap=True),
    ],
)
def test_the_outlook_is_what_a_load_with_these_wishes_would_do(
    tmp_path: Path, model: Path, bench: Open, wanted: WishSetting
) -> None:
    known, models = computer(), Models()
    outlook = bench(known, models).outlook(wanted)
    models.wish(str(model), wanted)
    assert outlook.made == planned(tmp_path, known, models, model)
    assert outlook.warnings == ()
    assert outlook.fits


def test_a_larger_context_takes_more_and_a_smaller_cache_less(bench: Open) -> None:
    opened = bench(computer())

    def taken(**wishes: object) -> int:
        return opened.outlook(WishSetting.model_validate(wishes)).memory[0].total

    assert taken(context=16_384) > taken(context=8192) > taken(context=2048)
    assert taken(context=16_384, type_k="q8_0", type_v="q8_0") < taken(context=16_384)


def test_a_context_without_room_is_warned_of_with_the_numbers(bench: Open) -> None:
    outlook = bench(computer(6)).outlook(WishSetting(context=131_072))
    assert value(outlook, "n_ctx") != "131,072 tokens"
    assert outlook.warnings[0].startswith("As it is set it would take 12.")
    said = " ".join(outlook.warnings[1:])
    assert "131,072 would not fit" in said
    assert "GB" in said


def test_what_fits_just_so_is_warned_of(bench: Open) -> None:
    opened = bench(computer(5.5))
    assert opened.outlook(WishSetting(context=2048)).warnings == ()
    near = opened.outlook(WishSetting(context=16_384, type_k="q8_0", type_v="q8_0"))
    assert value(near, "n_ctx") == "16,384 tokens"
    assert ["leaves little for other programs" in one for one in near.warnings] == [True]


def test_a_model_without_room_at_all_has_the_numbers_and_no_plan(
    tmp_path: Path, model: Path
) -> None:
    known = replace(computer(), memory=Memory(4 * GB, 3 * GB))
    ref = ModelRef("local", str(model))
    outlook = view(tmp_path, known, Models()).open(ref, None).present()
    assert (outlook.made, outlook.lines, outlook.fits) == (None, (), False)
    assert "needs 4." in outlook.warnings[0]
    assert outlook.memory[0].total > 4 * GB


def test_layers_beyond_a_cards_memory_are_warned_of(bench: Open) -> None:
    opened = bench(computer(8, 4))
    assert opened.limits.cards == ("Card 0",)
    assert opened.limits.layers == 29
    assert opened.outlook(WishSetting(gpu_layers=10)).fits
    full = opened.outlook(WishSetting(gpu_layers=-1))
    assert not full.fits
    assert "Card 0 would have to hold" in full.warnings[0]
    assert "3.2 GB are free" in full.warnings[0]


def test_only_another_load_differs_from_what_is_loaded(bench: Open) -> None:
    opened = bench(computer(), is_loaded=True)
    assert not opened.outlook(WishSetting()).differs
    assert not opened.outlook(WishSetting(context=8192)).differs
    assert opened.outlook(WishSetting(context=4096)).differs
    assert opened.outlook(WishSetting(use_mmap=True)).differs
    assert not bench(computer()).outlook(WishSetting(context=4096)).differs, "it is not loaded"


def test_wishes_have_a_place_in_the_settings_each() -> None:
    general = {"less_memory", "quiet", "optimize"}
    fields = {one.name for one in dataclasses.fields(Wishes)}
    assert set(WishSetting.model_fields) == fields - general
    wanted = WishSetting(context=512, tensor_split=(2, 1), use_mlock=True)
    made = wished.over_all(wanted, Wishes(quiet=True, optimize=False))
    assert (made.context, made.tensor_split, made.use_mlock) == (512, (2.0, 1.0), True)
    assert (made.quiet, made.optimize, made.less_memory) == (True, False, False)


@pytest.mark.parametrize(
    ("setting", "on_battery", "quiet"),
    [
        ("never", True, False),
        ("battery", True, True),
        ("battery", False, False),
        ("battery", None, False),
        ("always", False, True),
    ],
)
def test_half_of_the_cores_rest_when_that_is_wanted(
    tmp_path: Path, model: Path, setting: str, on_battery: bool | None, quiet: bool
) -> None:
    models = Models.model_validate({"quiet": setting})
    known = replace(computer(), power=Power(on_battery=on_battery))
    assert planned(tmp_path, known, models, model).n_threads == (4 if quiet else 8)


def test_the_battery_is_looked_at_only_where_it_matters() -> None:
    def refuse() -> bool:
        raise AssertionError("nobody wants to know")

    assert not wished.of_all(Models(), refuse).quiet
    assert wished.of_all(Models(quiet="always"), refuse).quiet


def test_less_memory_is_taken_where_that_is_wanted(tmp_path: Path, model: Path) -> None:
    usual = planned(tmp_path, computer(), Models(), model)
    thrifty = planned(tmp_path, computer(), Models(less_memory=True), model)
    assert (thrifty.n_ctx, thrifty.type_k) == (4096, "q8_0")
    assert usual.n_ctx == 8192


def test_wishes_are_kept_by_model_and_forgotten_when_there_are_none(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.settings.models.wish("/m/a.gguf", WishSetting(context=1024, tensor_split=(1, 3)))
    file.settings.models.wish("/m/b.gguf", WishSetting(use_mmap=False))
    file.save()
    again = SettingsFile(file.path).settings.models
    assert again.wishes["/m/a.gguf"] == WishSetting(context=1024, tensor_split=(1, 3))
    assert wished.of_model(again, "/m/b.gguf", lambda: None).use_mmap is False
    again.wish("/m/b.gguf", WishSetting())
    assert list(again.wishes) == ["/m/a.gguf"]


def test_facts_are_read_again_only_when_asked(tmp_path: Path) -> None:
    told = Told(
        replace(
            computer(), gpus=(Gpu("A card", is_usable=False, reason="It is old.", remedy="X."),)
        )
    )
    plans = PlansView(told, Remembered(tmp_path / "p.json", "0"), lambda: BUILD, Models)
    facts = {one.name: one.value for one in plans.facts()}
    assert told.renewed == 0
    assert facts["Cores"] == "8; 16 hardware threads"
    assert facts["Memory"] == "17.2 GB, 8.6 GB available"
    assert facts["Graphics"] == "A card, llama.cpp does not use it\nIt is old.\nX."
    assert facts["llama.cpp"] == "llama-cpp-python 0.3.36, built for CPU"
    plans.facts(again=True)
    assert told.renewed == 1


def test_a_file_that_is_gone_cannot_be_opened(tmp_path: Path) -> None:
    gone = ModelRef("local", str(tmp_path / "gone.gguf"))
    with pytest.raises(ModelFileError):
        view(tmp_path, computer(), Models()).open(gone, None)


def test_the_power_is_read_anew_at_each_question(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged: Sequence[Power] = [Power(on_battery=True), Power(on_battery=False)]
    told = iter(plugged)
    monkeypatch.setattr(survey, "_power", lambda: next(told))
    asked = survey.Survey(lambda: BUILD, lambda _tools: computer())
    assert asked.now().power == Power(), "as it was read with everything else"
    assert [asked.now().power for _ in plugged] == plugged

"""What a person sets of one model's load: reckoned as it is typed, kept, and loaded again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.llm.state import Phase
from app.schema import ModelRef
from app.settings import SettingsFile, WishSetting
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import HardwarePanel, computer, open_hardware, written_model
from tests.ui.settings_use import kept


@pytest.fixture
def panel(run: Run, tmp_path: Path) -> Iterator[HardwarePanel]:
    made: HardwarePanel = run(open_hardware(tmp_path, computer(8)))
    yield made
    run(made.desk.close())
    settle()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written_model(tmp_path)


async def opened(panel: HardwarePanel, model: Path, *, is_loaded: bool = True) -> None:
    """The form of a model that is loaded, or only chosen."""
    if is_loaded:
        await panel.load(model)
    else:
        panel.desk.services.manager.select(ModelRef("local", str(model)))
    await panel.open("hardware")
    await until(lambda: panel.form.form.views)
    await panel.until_reckoned()


def taken(panel: HardwarePanel) -> str:
    """The memory as the form reckons it."""
    return panel.form.outlook.memory.texts()[0][1]


def test_the_estimate_follows_what_is_typed(run: Run, panel: HardwarePanel, model: Path) -> None:
    async def scenario() -> None:
        await opened(panel, model)
        assert panel.line("wish-context").placeholderText() == "8192"
        assert panel.form.outlook.heading.text() == "It is loaded so, and takes:"
        before = taken(panel)
        assert not any(panel.offers(name) for name in ("wishesLoad", "wishesKeep", "wishesBack"))
        panel.type("wish-context", "16384")
        await panel.until_reckoned()
        assert panel.form.outlook.heading.text() == "Loaded so, it would take:"
        assert taken(panel) != before
        assert [one[0] for one in panel.form.outlook.changes.texts()] == ["Context"]
        assert all(panel.offers(name) for name in ("wishesLoad", "wishesKeep", "wishesBack"))
        assert panel.wishes(model) is None, "nothing is kept before it is asked for"
        panel.button("reset-wish-context").click()
        await panel.until_reckoned()
        assert taken(panel) == before
        assert not panel.offers("wishesLoad")

    run(panel.play(scenario()))


def test_typing_is_reckoned_with_once_and_beside_the_window(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        await opened(panel, model)
        asked: list[tuple[str, WishSetting]] = []
        panel.form.acted.connect(asked.append)
        panel.type("wish-context", "12288")
        assert asked == [], "somebody is still typing"
        heading = panel.form.outlook.heading
        assert heading.text() == "It is loaded so, and takes:"
        await until(lambda: heading.text() == "Loaded so, it would take:")
        assert [wanted.context for _, wanted in asked] == [12_288]

    run(panel.play(scenario()))


def test_what_does_not_fit_is_warned_of_before_it_is_loaded(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        panel.survey.known = computer(5.5)
        await opened(panel, model)
        assert panel.warning == ""
        panel.type("wish-context", "131072")
        await panel.until_reckoned()
        assert panel.warning.startswith(
            "As it is set it would take 12.4 GB, and 10.8 GB are free. "
        )
        assert "q8_0: half the memory of f16" in panel.warning
        panel.type("wish-context", "131073")
        assert panel.wrong("wish-context") == "Not kept: it must be at most 131,072."
        panel.type("wish-context", "8")
        assert panel.wrong("wish-context") == "Not kept: it must be at least 256."

    run(panel.play(scenario()))


def test_what_is_set_is_kept_and_counts_at_the_next_load(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        await opened(panel, model)
        panel.type("wish-context", "4096")
        await panel.until_reckoned()
        panel.button("wishesKeep").click()
        assert panel.wishes(model) == WishSetting(context=4096)
        await until(lambda: panel.desk.settings.path.exists())
        await until(lambda: str(model) in kept(panel.desk)["models"]["wishes"])
        read = SettingsFile(panel.desk.settings.path)
        assert read.settings.models.wishes[str(model)].context == 4096
        await until(lambda: not panel.offers("wishesKeep"))
        assert panel.offers("wishesLoad"), "it is still loaded as before"
        loaded = panel.desk.services.manager.state.loaded
        assert loaded is not None
        assert loaded.context == 8192
        panel.button("wishesLoad").click()
        await until(lambda: len(panel.local.made) == 2)
        await panel.until_reckoned()
        assert panel.local.made[-1].n_ctx == 4096
        assert not panel.offers("wishesLoad")
        assert ("Context", "4,096 tokens", "As you set it.") in panel.plan.lines.texts()

    run(panel.play(scenario()))


def test_loading_again_keeps_what_is_set_and_does_it(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        await opened(panel, model)
        panel.button("wishesMore").click()
        panel.type("wish-threads", "3")
        panel.choose("wish-type_k", "q8_0")
        panel.choose("wish-use_mlock", True)
        await panel.until_reckoned()
        panel.local.load_hold = asyncio.Event()
        panel.button("wishesLoad").click()
        await until(lambda: panel.desk.services.manager.state.phase is Phase.LOADING)
        assert panel.form.form.isVisible(), "nothing jumps while it is loaded again"
        panel.local.load_hold.set()
        await until(lambda: len(panel.local.made) == 2)
        await panel.until_reckoned()
        made = panel.local.made[-1]
        assert (made.n_threads, made.type_k, made.type_v) == (3, "q8_0", "f16")
        assert made.use_mlock
        assert panel.wishes(model) == WishSetting(threads=3, type_k="q8_0", use_mlock=True)

    run(panel.play(scenario()))


def test_the_way_back_forgets_what_was_set(run: Run, panel: HardwarePanel, model: Path) -> None:
    async def scenario() -> None:
        wanted = WishSetting(context=2048, batch=64)
        panel.desk.settings.settings.models.wish(str(model), wanted)
        await opened(panel, model)
        assert panel.local.made[-1].n_ctx == 2048
        assert panel.line("wish-context").text() == "2048"
        assert panel.line("wish-batch").isVisible(), "what was set is not hidden"
        panel.button("wishesBack").click()
        assert panel.wishes(model) is None
        await panel.until_reckoned()
        assert panel.line("wish-context").text() == ""
        assert not panel.offers("wishesBack")
        assert panel.offers("wishesLoad"), "it is loaded as it was set until then"
        panel.button("wishesLoad").click()
        await until(lambda: panel.local.made[-1].n_ctx == 8192)

    run(panel.play(scenario()))


def test_what_is_typed_stays_while_other_things_change(
    run: Run, panel: HardwarePanel, model: Path
) -> None:
    async def scenario() -> None:
        await opened(panel, model, is_loaded=False)
        panel.type("wish-context", "4096")
        await panel.until_reckoned()
        assert not panel.offers("wishesLoad"), "it is not loaded"
        panel.choose("models.quiet", "always")
        await panel.until_reckoned()
        assert panel.line("wish-context").text() == "4096"
        panel.survey.known = computer(12, 8)  # a card is there now
        panel.page.show_values()
        await panel.until_reckoned()
        await until(lambda: "wish-gpu_layers" in panel.seen())
        assert panel.line("wish-context").text() == "4096"
        assert panel.wishes(model) is None

    run(panel.play(scenario()))


def test_only_what_the_model_and_the_computer_have_is_offered(
    run: Run, panel: HardwarePanel, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await opened(panel, written_model(tmp_path), is_loaded=False)
        fields = {view.row.path for view in panel.form.form.views}
        assert not fields & {"gpu_layers", "cpu_expert_layers", "tensor_split"}
        panel.survey.known = computer(15, 6, 4)
        await panel.load(written_model(tmp_path, "qwen3moe"))
        await until(lambda: "wish-gpu_layers" in panel.seen())
        fields = {view.row.path for view in panel.form.form.views}
        assert fields == set(WishSetting.model_fields)

    run(panel.play(scenario()))

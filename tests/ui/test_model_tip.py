"""What the tool tip of the loaded model says of it."""

from app.llm.state import ModelState, Phase
from app.schema import Adapter, LoadedModel
from app.ui import header
from tests.fakes.provider import INFO


def tip(*adapters: Adapter) -> list[str]:
    where = "CUDA0 (NVIDIA H200): 20 of 33 layers"
    loaded = LoadedModel(INFO, 4096, threads=4, device=where, adapters=adapters)
    return header._describe(ModelState(Phase.READY, INFO.ref, loaded=loaded)).splitlines()


def test_it_names_the_device_and_the_adapters() -> None:
    lines = tip(Adapter("/adapters/german.gguf", 0.5), Adapter("/adapters/verse.gguf"))
    assert "With adapters german.gguf × 0.5, verse.gguf" in lines
    assert "CUDA0 (NVIDIA H200): 20 of 33 layers, 4 threads" in lines


def test_it_is_silent_about_adapters_where_there_are_none() -> None:
    assert not [line for line in tip() if "adapter" in line]

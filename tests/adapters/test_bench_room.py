"""A test that is too long for the memory is refused before it takes any."""

from pathlib import Path

import pytest

from app import paths
from app.errors import ModelTooLarge
from app.llm import trials
from app.schema import ModelRef
from tests.fakes import running

STARTER = ModelRef("local", str(paths.resources() / "models" / "starter.gguf"))


async def test_a_test_that_has_no_room_is_refused_with_the_numbers(tmp_path: Path) -> None:
    endless = trials.Test(1 << 28, is_prompt=True)  # 1.6 TB of KV cache
    async with running.core(tmp_path) as core:
        with pytest.raises(ModelTooLarge, match=r"268,435,456 tokens take .* TB") as caught:
            async for _ in core.speedometer.bench(STARTER, [endless]):
                pass
        assert caught.value.remedy
        assert core.manager.state.loaded is not None

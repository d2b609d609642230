"""The LLM manager and its ledger: what was used is counted, and never costs an answer."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from app.llm.usage import UsageLedger
from app.schema import Endpoint
from tests.adapters.asking import CHAT
from tests.adapters.managing import LOCAL, ONE, managed
from tests.fakes.servers.http import FakeServer, sse
from tests.fakes.servers.openai_events import delta


def today() -> date:
    return date.today()  # noqa: DTZ011 - the person's own calendar


async def test_what_was_used_is_counted_by_day_and_model(first: FakeServer, tmp_path: Path) -> None:
    began = today()
    ledger = UsageLedger(tmp_path / "data" / "usage.sqlite3")
    async with managed(Endpoint("one", "vllm", first.url), usage=ledger) as made:
        assert await ledger.read(began) == []
        await made.manager.load(ONE)
        finishes = [(await made.ask()).finish, (await made.ask()).finish]
        made.local.enqueue("a", "b", "c")
        await made.manager.load(LOCAL)
        await made.ask()

    days = await UsageLedger(tmp_path / "data" / "usage.sqlite3").read(began)
    assert all(began <= day.day <= today() for day in days)
    assert {day.ref for day in days} == {ONE, LOCAL}
    far = [day for day in days if day.ref == ONE]
    assert sum(day.answers for day in far) == 2
    assert sum(day.prompt_tokens for day in far) == sum(one.usage.prompt_tokens for one in finishes)
    assert sum(day.generated_tokens for day in far) == 4
    spent = sum(one.usage.prompt_seconds + one.usage.generation_seconds for one in finishes)
    assert sum(day.seconds for day in far) == pytest.approx(spent)
    [here] = [day for day in days if day.ref == LOCAL]
    assert (here.answers, here.prompt_tokens, here.generated_tokens) == (1, 10, 3)
    assert here.seconds == pytest.approx(0.1 + 0.5)
    assert await ledger.read(today() + timedelta(days=1)) == []


async def test_an_answer_that_broke_off_is_not_counted(first: FakeServer, tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "usage.sqlite3")
    first.enqueue(CHAT, sse(delta(content="Half"), done=False, cut=True))
    async with managed(Endpoint("one", "vllm", first.url), usage=ledger) as made:
        await made.manager.load(ONE)
        assert (await made.broken())[0] == "Half"
    assert await ledger.read(date.min) == []


@pytest.mark.parametrize("trouble", ["garbage", "folder", "no folder"])
async def test_a_ledger_that_is_broken_costs_no_answer(tmp_path: Path, trouble: str) -> None:
    path = tmp_path / "usage.sqlite3"
    if trouble == "garbage":
        path.write_bytes(b"this is no database" * 500)
    elif trouble == "folder":
        path.mkdir()
    else:
        path.write_text("in the way")
        path /= "usage.sqlite3"
    ledger = UsageLedger(path)
    async with managed(usage=ledger) as made:
        await made.manager.load(LOCAL)
        said = await made.ask()
        assert (said.text, said.finish.model) == ("ok", LOCAL)
    assert await ledger.read(date.min) == []

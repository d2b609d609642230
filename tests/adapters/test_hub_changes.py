"""Whether fetched models have changed on the Hub: the hash, the template, the weights."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from app.errors import Misconfigured, RateLimited, Unreachable
from app.library.hub import changes
from app.library.hub.changes import Finding, State
from app.library.hub.client import Hub
from app.library.hub.comparison import What
from app.library.records import Kind, LibraryModel, Source
from tests.adapters import hub_use
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

REPO, FILE = "maker/Model-GGUF", "Model-Q8_0.gguf"
TEMPLATE = "{{ messages }}"
TOKENS = [f"<{number}>" for number in range(5000)]  # more than the reader keeps


def gguf_file(
    path: Path, template: str = TEMPLATE, name: str = "Model", weights: int = 1, **more: object
) -> Path:
    """A file that is whole in form, with some weights made from a number."""
    writer = GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_chat_template(template)
    writer.add_token_list([*TOKENS[:-1], str(more.get("last", TOKENS[-1]))])
    values = np.random.default_rng(weights).standard_normal((200, 1000)).astype(np.float32)
    writer.add_tensor("token_embd.weight", values[: int(str(more.get("rows", 200)))])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub() as started:
        yield started


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return gguf_file(tmp_path / "here.gguf")


@pytest.fixture
def repo(fake: FakeHub, here: Path) -> Repo:
    return fake.add(REPO, {FILE: Content.of(here.read_bytes())})


@pytest.fixture
def model(repo: Repo, here: Path) -> LibraryModel:
    """As it was fetched from the first commit."""
    source = Source(REPO, FILE, repo.head, repo.files()[FILE].sha256)
    size = here.stat().st_size
    return LibraryModel(here, (here,), "Model", Kind.CHAT, size=size, source=source)


async def look(hub: Hub | FakeHub, *models: LibraryModel) -> list[Finding]:
    asked = hub if isinstance(hub, Hub) else hub_use.client(hub.url)
    async with aclosing(changes.look(asked, models)) as findings:
        return [finding async for finding in findings]


async def now(fake: FakeHub, model: LibraryModel, file: Path) -> Finding:
    """What is found out when the file stands on the Hub in place of the model's."""
    fake.repos[REPO].publish({FILE: Content.of(file.read_bytes())})
    (finding,) = await look(fake, model)
    return finding


async def test_the_newest_commit_has_not_changed(fake: FakeHub, model: LibraryModel) -> None:
    (finding,) = await look(fake, model)
    assert finding.state is State.UNCHANGED
    assert "same" in changes.sentence(finding)
    assert not fake.requests(path="/resolve/")


async def test_a_new_commit_with_the_same_file_is_no_change(
    fake: FakeHub, repo: Repo, model: LibraryModel
) -> None:
    repo.publish({"README.md": Content(7)})
    (finding,) = await look(fake, model)
    assert (finding.state, finding.revision) == (State.UNCHANGED, repo.head)


async def test_a_new_chat_template_is_told_from_new_weights(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    finding = await now(fake, model, gguf_file(tmp_path / "new.gguf", template="{{ fixed }}"))
    assert finding.state is State.CHANGED
    assert finding.what == {What.TEMPLATE}
    assert finding.revision == fake.repos[REPO].head
    assert finding.size == (tmp_path / "new.gguf").stat().st_size
    assert changes.sentence(finding) == (
        "It has changed on Hugging Face: its chat template. The weights seem to be the same."
    )


async def test_new_weights_are_told(fake: FakeHub, model: LibraryModel, tmp_path: Path) -> None:
    finding = await now(fake, model, gguf_file(tmp_path / "new.gguf", weights=2))
    assert finding.state is State.CHANGED
    assert finding.what == {What.WEIGHTS}
    assert changes.sentence(finding) == "It has changed on Hugging Face: its weights."


async def test_everything_that_changed_is_told(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    new = gguf_file(tmp_path / "new.gguf", template="{{ new }}", name="Model 2", weights=3)
    finding = await now(fake, model, new)
    assert finding.what == {What.TEMPLATE, What.METADATA, What.WEIGHTS}
    assert "its chat template, what it says of itself and its weights" in changes.sentence(finding)


async def test_weights_of_another_shape_are_told_from_the_header(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    finding = await now(fake, model, gguf_file(tmp_path / "new.gguf", rows=100))
    assert finding.what == {What.WEIGHTS}


async def test_a_change_in_the_vocabulary_alone_is_something_else(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    finding = await now(fake, model, gguf_file(tmp_path / "new.gguf", last="<four>"))
    assert finding.state is State.CHANGED
    assert finding.what == {What.OTHER}


async def test_only_little_of_the_new_file_is_fetched(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    new = gguf_file(tmp_path / "new.gguf", template="{{ fixed }}")
    with new.open("ab") as stream:
        stream.write(bytes(30_000_000))
    await now(fake, model, new)
    spans = [request.headers["range"] for request in fake.requests(side="cdn")]
    sizes = [int(span.split("-")[1]) - int(span[6:].split("-")[0]) + 1 for span in spans]
    assert sum(sizes) < 3_000_000


async def test_a_file_that_was_taken_away_is_gone(fake: FakeHub, model: LibraryModel) -> None:
    fake.repos[REPO].publish({"other.gguf": Content(5)})
    fake.repos[REPO].files().pop(FILE)
    (finding,) = await look(fake, model)
    assert finding.state is State.GONE
    assert "does not have this file any more" in changes.sentence(finding)


async def test_a_repository_that_was_taken_away_is_gone(fake: FakeHub, model: LibraryModel) -> None:
    fake.repos.clear()
    (finding,) = await look(fake, model)
    assert finding.state is State.GONE
    assert REPO in finding.message


async def test_without_a_hash_of_its_own_the_old_commit_is_asked(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    assert model.source is not None
    bare = replace(model, source=replace(model.source, sha256=""))
    fake.repos[REPO].publish({"README.md": Content(7)})
    (finding,) = await look(fake, bare)
    assert finding.state is State.UNCHANGED
    assert (await now(fake, bare, gguf_file(tmp_path / "new.gguf", weights=2))).what == {
        What.WEIGHTS
    }


async def test_where_nothing_can_be_compared_that_is_said(
    fake: FakeHub, model: LibraryModel, here: Path
) -> None:
    assert model.source is not None
    lost = replace(model, source=Source(REPO, FILE, revision="f" * 40))
    (finding,) = await look(fake, lost)
    assert finding.state is State.UNKNOWN
    assert "does not tell enough" in changes.sentence(finding)
    (finding,) = await look(fake, replace(lost, size=7))  # at least the size is another one
    assert finding.state is State.CHANGED


async def test_a_split_model_is_compared_part_by_part(fake: FakeHub, here: Path) -> None:
    names = [f"Model-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    first = Content.of(here.read_bytes())
    split = {names[0]: first, names[1]: Content(20_000, seed=1), names[2]: Content(20_000, seed=2)}
    repo = fake.add(REPO, dict(split))
    source = Source(REPO, names[0], repo.head, first.sha256)
    model = LibraryModel(here, (here, here, here), "Model", Kind.CHAT, source=source)
    repo.publish({"README.md": Content(7)})
    assert [finding.state for finding in await look(fake, model)] == [State.UNCHANGED]
    repo.publish({names[2]: Content(20_000, seed=3)})
    (finding,) = await look(fake, model)
    assert finding.state is State.CHANGED
    assert finding.what == {What.WEIGHTS}
    assert not fake.requests(path="/resolve/")
    repo.files().pop(names[1])
    assert [finding.state for finding in await look(fake, model)] == [State.GONE]


async def test_a_model_that_lies_on_a_drive_that_is_away_is_still_compared(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    away = replace(model, path=tmp_path / "away" / "here.gguf")
    finding = await now(fake, away, gguf_file(tmp_path / "new.gguf", weights=2))
    assert finding.state is State.CHANGED
    assert finding.what == frozenset()
    assert "could not be told" in changes.sentence(finding)


async def test_a_gated_repository_tells_that_it_changed_and_not_what(
    fake: FakeHub, model: LibraryModel, tmp_path: Path
) -> None:
    fake.repos[REPO].is_gated = True
    finding = await now(fake, model, gguf_file(tmp_path / "new.gguf", weights=2))
    assert finding.state is State.CHANGED
    assert finding.what == frozenset()
    assert "accept the terms" in finding.message


async def test_each_repository_is_asked_once_and_models_of_elsewhere_not_at_all(
    fake: FakeHub, model: LibraryModel
) -> None:
    own = replace(model, source=None)
    findings = await look(fake, model, own, model, own)
    assert [finding.model for finding in findings] == [model, model]
    assert len(fake.received) == 1


async def test_one_answer_that_makes_no_sense_does_not_end_the_rest(
    fake: FakeHub, model: LibraryModel
) -> None:
    assert model.source is not None
    fake.add("odd/Odd", {FILE: Content(5)}, about={"siblings": "nonsense"})
    odd = replace(model, source=replace(model.source, repo="odd/Odd"))
    findings = await look(fake, odd, model)
    assert [finding.state for finding in findings] == [State.UNKNOWN, State.UNCHANGED]
    assert "damaged" in changes.sentence(findings[0])


async def test_being_offline_ends_the_whole(model: LibraryModel, fake: FakeHub) -> None:
    gone = hub_use.client(fake.url)
    fake.stop()
    with pytest.raises(Unreachable):
        await look(gone, model)
    fake.start()  # for the fixture to stop


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (401, Misconfigured)])
async def test_a_refusal_that_concerns_all_ends_the_whole(
    fake: FakeHub, model: LibraryModel, status: int, kind: type[Exception]
) -> None:
    fake.misbehave(Fault(status=status), times=None)
    with pytest.raises(kind):
        await look(fake, model, model)
    assert len(fake.received) == 1


async def test_looking_can_be_cancelled(fake: FakeHub, model: LibraryModel) -> None:
    fake.misbehave(Fault(wait=60), times=None)
    looking = asyncio.create_task(look(fake, model))
    while not fake.received:
        await asyncio.sleep(0.01)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert asyncio.all_tasks() == {asyncio.current_task()}

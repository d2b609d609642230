"""Searching the Hub and listing its repositories, with huggingface_hub over real HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.errors import ModelMissing, ProviderError
from app.library.hub import client, failures
from app.library.hub.client import Sort, Wanted
from app.library.records import Kind
from tests.adapters import hub_use
from tests.adapters.hub_use import TINY, TOKEN
from tests.fakes.hub.content import Content
from tests.fakes.hub.server import FakeHub

CHAT = {"pipeline_tag": "text-generation"}
SEEING = {"pipeline_tag": "image-text-to-text"}
EMBEDDING = {"pipeline_tag": "feature-extraction"}
COMPARING = {"pipeline_tag": "sentence-similarity"}
MODEL = {"model.gguf": Content(50)}


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub() as started:
        yield started


@pytest.fixture
def shop(fake: FakeHub) -> FakeHub:
    """Repositories of all kinds."""
    fake.add("a/Chat-7B-GGUF", MODEL, about={**CHAT, "downloads": 50, "likes": 1})
    fake.add("b/Chat-1B-GGUF", MODEL, about={**CHAT, "downloads": 70, "likes": 2})
    fake.add("c/Vision-GGUF", MODEL, about={**SEEING, "downloads": 20, "likes": 9})
    fake.add("d/Embed-GGUF", MODEL, about={**EMBEDDING, "downloads": 10, "likes": 3})
    fake.add("e/Compare-GGUF", MODEL, about={**COMPARING, "downloads": 90, "likes": 4})
    fake.add("f/Painter-GGUF", MODEL, about={"pipeline_tag": "text-to-image", "downloads": 99})
    fake.add("g/Secret-GGUF", MODEL, is_private=True)
    return fake


async def found(fake: FakeHub, words: str = "", **how: object) -> list[str]:
    repos = await hub_use.client(fake.url).search(words, **how)  # type: ignore[arg-type]
    return [repo.id for repo in repos]


# Searching


async def test_a_search_gives_repositories_with_what_is_known_of_them(fake: FakeHub) -> None:
    about = {
        "downloads": 1234,
        "likes": 56,
        "lastModified": "2026-05-04T03:02:01.000Z",
        "tags": ["gguf", "license:apache-2.0", "region:us"],
        "gguf": {"total": 4_022_468_096, "architecture": "qwen3", "context_length": 40_960},
        **SEEING,
    }
    fake.add("Qwen/Qwen3-4B-GGUF", MODEL, about=about, is_gated=True)
    (repo,) = await hub_use.client(fake.url).search("qwen3")
    assert (repo.id, repo.downloads, repo.likes) == ("Qwen/Qwen3-4B-GGUF", 1234, 56)
    assert repo.updated == datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert (repo.is_gated, repo.licence, repo.architecture) == (True, "apache-2.0", "qwen3")
    assert (repo.parameters, repo.trained_context) == (4_022_468_096, 40_960)
    assert repo.is_vision
    assert not repo.is_embedding


async def test_only_gguf_for_llama_cpp_is_asked_for(shop: FakeHub) -> None:
    await found(shop, "  chat   7b ")
    (request,) = shop.received
    assert request.query["filter"] == ["gguf"]
    assert request.query["apps"] == ["llama.cpp"]
    assert request.query["search"] == ["chat 7b"]


async def test_the_most_downloaded_come_first_or_what_else_is_wished(shop: FakeHub) -> None:
    assert (await found(shop))[:2] == ["f/Painter-GGUF", "e/Compare-GGUF"]
    assert (await found(shop, sort=Sort.LIKES))[0] == "c/Vision-GGUF"
    await found(shop, sort=Sort.TRENDING)
    await found(shop, sort=Sort.NEW)
    asked = [request.param("sort") for request in shop.received]
    assert asked == ["downloads", "likes", "trendingScore", "lastModified"]


async def test_a_search_can_be_for_one_kind_of_models(shop: FakeHub) -> None:
    assert await found(shop, wanted=Wanted.VISION) == ["c/Vision-GGUF"]
    assert await found(shop, wanted=Wanted.EMBEDDING) == ["e/Compare-GGUF", "d/Embed-GGUF"]
    by_likes = await found(shop, wanted=Wanted.EMBEDDING, sort=Sort.LIKES)
    assert by_likes == ["e/Compare-GGUF", "d/Embed-GGUF"]
    assert len(await found(shop, wanted=Wanted.EMBEDDING, sort=Sort.NEW)) == 2
    chat = await found(shop, wanted=Wanted.CHAT)
    assert chat == ["b/Chat-1B-GGUF", "a/Chat-7B-GGUF", "c/Vision-GGUF"]


async def test_no_more_than_the_limit_are_given_and_no_page_more_is_fetched(shop: FakeHub) -> None:
    assert len(await found(shop, limit=2)) == 2
    assert len(shop.received) == 1
    assert len(await found(shop, limit=0)) == 1
    assert len(await found(shop, limit=100_000)) == 6
    assert shop.received[-1].param("limit") == str(client.MOST)


async def test_nothing_found_is_an_empty_list(shop: FakeHub) -> None:
    assert await found(shop, "no such model") == []


@pytest.mark.parametrize(
    "words",
    [
        "d/Embed-GGUF",
        "https://huggingface.co/d/Embed-GGUF",
        "huggingface.co/d/Embed-GGUF/tree/main",
        "https://huggingface.co/d/Embed-GGUF/blob/main/model.gguf?download=true",
        "https://hf.co/d/Embed-GGUF/",
    ],
)
async def test_a_repository_that_is_named_comes_first(shop: FakeHub, words: str) -> None:
    assert (await found(shop, words))[0] == "d/Embed-GGUF"


async def test_a_name_that_is_none_is_searched_as_words(shop: FakeHub) -> None:
    assert await found(shop, "x/Chat") == []
    assert shop.received[-1].param("search") == "x/Chat"


# Listing


async def test_files_are_grouped_into_models_with_sizes_and_hashes(fake: FakeHub) -> None:
    part, whole = Content(30_000, seed=1), Content(50_000, seed=2)
    repo = fake.add(
        TINY,
        {
            "README.md": Content(5),
            "Tiny-Q4_K_M.gguf": whole,
            "Q8_0/Tiny-Q8_0-00002-of-00002.gguf": Content(40_000),
            "Q8_0/Tiny-Q8_0-00001-of-00002.gguf": part,
            "Tiny-F16-00001-of-00002.gguf": Content(10),
            "mmproj-F16.gguf": Content(20_000),
            "Tiny-imatrix.gguf": Content(300),
        },
    )
    models = await hub_use.client(fake.url).models(TINY)
    assert [(model.name, model.kind, model.quantisation) for model in models] == [
        ("Tiny-imatrix", Kind.OTHER, ""),
        ("mmproj-F16", Kind.PROJECTOR, "F16"),
        ("Tiny-Q4_K_M", Kind.CHAT, "Q4_K_M"),
        ("Tiny-Q8_0", Kind.CHAT, "Q8_0"),
    ]
    assert {model.revision for model in models} == {repo.head}
    assert models[2].files[0].sha256 == whole.sha256
    assert [file.path[-19:-5] for file in models[3].files] == ["00001-of-00002", "00002-of-00002"]
    assert models[3].size == 70_000
    assert models[3].files[0].sha256 == part.sha256


async def test_an_older_commit_can_be_listed(fake: FakeHub) -> None:
    repo = fake.add(TINY, {"old.gguf": Content(5)})
    first = repo.head
    repo.publish({"new.gguf": Content(6)})
    hub = hub_use.client(fake.url)
    assert [model.name for model in await hub.models(TINY, first)] == ["old"]
    assert len(await hub.models(TINY)) == 2


async def test_the_files_of_an_embedding_repository_are_for_embedding(shop: FakeHub) -> None:
    hub = hub_use.client(shop.url)
    assert [model.kind for model in await hub.models("d/Embed-GGUF")] == [Kind.EMBEDDING]
    assert [model.kind for model in await hub.models("f/Painter-GGUF")] == [Kind.OTHER]


async def test_a_renamed_repository_is_found_under_its_old_name(fake: FakeHub) -> None:
    fake.repos["old/Name-GGUF"] = fake.add("new/Name-GGUF", MODEL)
    models = await hub_use.client(fake.url).models("old/Name-GGUF")
    assert models[0].repo == "new/Name-GGUF"


async def test_what_is_not_there_is_named(fake: FakeHub) -> None:
    fake.add(TINY, MODEL)
    hub = hub_use.client(fake.url)
    with pytest.raises(ModelMissing, match="no repository “no/such”, or it is private"):
        await hub.models("no/such")
    with pytest.raises(ModelMissing, match="not this version any more"):
        await hub.models(TINY, "0" * 40)
    with pytest.raises(ModelMissing, match=r"“a/\.\./b” is no name of a repository"):
        await hub.models("a/../b")


async def test_a_private_repository_is_seen_with_the_token_of_its_owner(shop: FakeHub) -> None:
    shop.tokens.add(TOKEN)
    with pytest.raises(ModelMissing, match="private") as caught:
        await hub_use.client(shop.url).models("g/Secret-GGUF")
    assert "token" in caught.value.remedy
    assert await hub_use.client(shop.url, TOKEN).models("g/Secret-GGUF")


async def test_a_token_that_is_not_valid_is_told(shop: FakeHub) -> None:
    with pytest.raises(ProviderError, match="does not accept your token") as caught:
        await hub_use.client(shop.url, "hf_old").search("chat")
    assert failures.TOKENS_PAGE in caught.value.remedy
    assert caught.value.status == 401

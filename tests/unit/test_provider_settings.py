"""What a person sets for a provider, and what the environment says of others."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app import secrecy
from app.llm import environment
from app.llm.environment import Offer, offers
from app.llm.providers.kinds import kinds, with_defaults
from app.schema import Endpoint, ModelRef
from app.settings import Providers, ProviderSettings, SettingsFile

KEY = "sk-very-secret-0123456789"
EVERYTHING: dict[str, Any] = {
    "name": "my-gpu.box_2",
    "kind": "vllm",
    "url": "https://gpu.example:8443/v1",
    "title": "The big one",
    "headers": {"X-Team": "blue"},
    "query": {"api-version": "1"},
    "models": ("a", "b"),
    "verify": False,
    "ca_file": "/etc/ca.pem",
    "proxy": "http://proxy.example:3128",
    "connect_seconds": 2.5,
    "reply_seconds": 60.0,
    "silence_seconds": 30.0,
    "context": 16_384,
}


@pytest.mark.parametrize(
    "name", ["", "Ollama", "my box", "a:b", "-a", ".a", "_a", "a/b", "é", "a\n", "a@b"]
)
def test_a_name_must_fit_into_a_reference(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        ProviderSettings(name=name, kind="ollama")


@pytest.mark.parametrize("name", ["a", "ollama-2", "7b", "my.gpu_box"])
def test_a_name_that_fits_is_taken_from_a_reference_again(name: str) -> None:
    provider = ProviderSettings(name=name, kind="ollama")
    assert ModelRef.parse(f"{provider.name}:qwen:7b") == ModelRef(name, "qwen:7b")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("connect_seconds", 0),
        ("reply_seconds", -1),
        ("silence_seconds", 0),
        ("context", -1),
        ("requests_per_minute", -1),
        ("tokens_per_minute", -1),
        ("prompt_price", -0.1),
        ("answer_price", -0.1),
    ],
)
def test_figures_that_mean_nothing_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        ProviderSettings.model_validate({"name": "a", "kind": "ollama", field: value})
    provider = ProviderSettings(name="a", kind="ollama")
    with pytest.raises(ValidationError, match=field):
        setattr(provider, field, value)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Authorization", "Bearer x"),
        (" X-API-Key ", "x"),
        ("x-goog-api-key", "x"),
        ("Cookie", "a=b"),
        ("X-Auth", "x"),
        ("X-Auth-Token", "x"),
        ("CF-Access-Client-Secret", "x"),
        ("Ocp-Apim-Subscription-Key", "x"),
        ("X-Whatever", KEY),
        ("X-Whatever", f"Bearer {KEY}"),
        ("X-Whatever", "3f" * 20),
    ],
)
def test_headers_that_hold_keys_are_refused(header: str, value: str) -> None:
    pairs = {"X-Team": "blue", header: value}
    for field in ("headers", "query"):
        with pytest.raises(ValidationError, match="give it as the provider's key") as caught:
            ProviderSettings.model_validate({"name": "a", "kind": "vllm", field: pairs})
        assert KEY[-8:] not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("OpenAI-Organization", "org-3kfjLsbvQ0a1Xc9d"),
        ("X-Max-Tokens", "4096"),
        ("X-Author", "Ada"),
        ("X-Monkey", "see"),
        ("anthropic-beta", "context-1m-2025-08-07"),
        ("HTTP-Referer", "https://hearth.example/a/page/of/some/length/that/goes/on"),
        ("X-Request-Id", "3f2b8c1e-0d9a-4f6e-8b7a-112233445566"),
    ],
)
def test_headers_that_hold_no_key_are_kept(header: str, value: str) -> None:
    made = ProviderSettings(name="a", kind="vllm", headers={header: value})
    assert made.headers == {header: value}


@pytest.mark.parametrize(
    "url",
    [
        "https://me:pass@gpu.example",
        f"https://{KEY}@gpu.example",
        "https://gpu.example/v1?api_key=x",
        f"https://gpu.example/v1?a=b&tenant={KEY}",
    ],
)
def test_an_address_that_holds_a_secret_is_refused_and_cleaned_when_it_is_old(url: str) -> None:
    with pytest.raises(ValidationError, match="give it as the key"):
        ProviderSettings(name="a", kind="vllm", url=url)
    assert secrecy.bare(url) in (
        "https://gpu.example",
        "https://gpu.example/v1",
        "https://gpu.example/v1?a=b",
    )


def test_everything_reaches_the_endpoint_but_a_key() -> None:
    endpoint = ProviderSettings.model_validate(EVERYTHING).endpoint()
    lists = {
        "headers": tuple(EVERYTHING["headers"].items()),
        "query": tuple(EVERYTHING["query"].items()),
    }
    assert endpoint == Endpoint(**{**EVERYTHING, **lists})
    assert endpoint.key == ""


def test_settings_that_name_nothing_leave_it_to_the_kind() -> None:
    assert ProviderSettings(name="a", kind="ollama").endpoint() == Endpoint("a", "ollama")


def test_a_provider_is_put_in_place_of_one_of_its_name_and_can_be_switched_off() -> None:
    providers = Providers()
    for name in ("a", "b", "c"):
        providers.put(ProviderSettings(name=name, kind="ollama", enabled=name != "b"))
    enabled = {endpoint.name: endpoint.is_enabled for endpoint in providers.endpoints()}
    assert enabled == {"a": True, "b": False, "c": True}
    providers.put(ProviderSettings(name="a", kind="vllm"))  # in place of the other one
    assert [(one.name, one.kind) for one in providers.configured] == [
        ("b", "ollama"),
        ("c", "ollama"),
        ("a", "vllm"),
    ]
    providers.remove("c")
    assert providers.named("c") is None
    found = providers.named("a")
    assert found is not None
    assert found.kind == "vllm"


def test_the_chain_has_the_references_alone() -> None:
    providers = Providers(fallback=("ollama:qwen:7b", "nonsense", "", "local:/m/a.gguf"))
    assert providers.chain() == [ModelRef("ollama", "qwen:7b"), ModelRef("local", "/m/a.gguf")]


def test_the_settings_file_keeps_providers(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    provider = ProviderSettings.model_validate(
        {
            **EVERYTHING,
            "default_model": "a",
            "requests_per_minute": 3,
            "tokens_per_minute": 1000,
            "prompt_price": 0.15,
            "answer_price": 0.6,
        }
    )
    file.settings.providers.put(provider)
    file.settings.providers.put(ProviderSettings(name="off", kind="ollama", enabled=False))
    file.settings.providers.fallback = ("off:qwen",)
    file.settings.providers.discover = False
    file.settings.providers.stay_offline = True
    file.save()
    again = SettingsFile(file.path)
    assert again.problem == ""
    assert again.settings == file.settings
    assert again.settings.providers.named("my-gpu.box_2") == provider
    assert again.settings.providers.stay_offline


def test_settings_from_before_there_were_providers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"version": 1, "appearance": {"theme": "dark"}}')
    file = SettingsFile(path)
    assert (file.problem, file.settings.appearance.theme) == ("", "dark")
    assert file.settings.providers == Providers()


@pytest.mark.parametrize("version", [1, 2])
def test_a_key_in_a_header_of_an_older_file_is_taken_out_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    path = tmp_path / "settings.json"
    headers = {"Authorization": f"Bearer {KEY}", "X-Secret": "hush", "X-Team": "blue"}
    provider = {"name": "a", "kind": "vllm", "headers": headers}
    path.write_text(json.dumps({"version": version, "providers": {"configured": [provider]}}))
    with caplog.at_level(logging.INFO):
        file = SettingsFile(path)
    assert file.problem.startswith("A key or password of a stood in the settings file")
    assert file.problem.count("stood in") == 1
    [kept] = file.settings.providers.configured
    assert kept.headers == {"X-Team": "blue"}
    assert KEY[-8:] not in caplog.text + path.read_text()
    assert "hush" not in path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["settings.json"], "no copy with the key"


def test_a_key_that_was_written_into_the_present_file_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "settings.json"
    provider = {"name": "a", "kind": "vllm", "headers": {"Authorization": f"Bearer {KEY}"}}
    version = SettingsFile(tmp_path / "none.json").settings.version
    path.write_text(json.dumps({"version": version, "providers": {"configured": [provider]}}))
    with caplog.at_level(logging.INFO):
        file = SettingsFile(path)
    assert "damaged settings" in caplog.text
    assert KEY[-8:] not in caplog.text
    assert "damaged" in file.problem
    file.save()
    assert KEY not in path.read_text()


# The environment

OFFERS = [
    ("OLLAMA_HOST", "127.0.0.1:11500", Offer("ollama", "Ollama", (), "http://127.0.0.1:11500")),
    ("OPENAI_API_KEY", KEY, Offer("openai", "OpenAI", (), key=KEY)),
    (
        "OPENAI_BASE_URL",
        "http://gpu.example:8000/v1/",
        Offer("openai-compatible", "OpenAI-compatible server", (), "http://gpu.example:8000/v1"),
    ),
    (
        "OPENAI_BASE_URL",
        "https://api.openai.com/v1",
        Offer("openai", "OpenAI", (), "https://api.openai.com/v1"),
    ),
    ("ANTHROPIC_API_KEY", KEY, Offer("anthropic", "Anthropic", (), key=KEY)),
    (
        "ANTHROPIC_BASE_URL",
        "https://proxy.example",
        Offer("anthropic", "Anthropic", (), "https://proxy.example"),
    ),
    ("GOOGLE_API_KEY", KEY, Offer("gemini", "Google Gemini", (), key=KEY)),
    ("GEMINI_API_KEY", KEY, Offer("gemini", "Google Gemini", (), key=KEY)),
    ("OPENROUTER_API_KEY", KEY, Offer("openrouter", "OpenRouter", (), key=KEY)),
    ("LM_API_TOKEN", KEY, Offer("lm-studio", "LM Studio", (), key=KEY)),
    ("LOCALAI_API_KEY", KEY, Offer("localai", "LocalAI", (), key=KEY)),
    ("LLAMA_API_KEY", KEY, Offer("llama-server", "llama.cpp server", (), key=KEY)),
    ("VLLM_API_KEY", KEY, Offer("vllm", "vLLM", (), key=KEY)),
    (
        "INFERENCE_SERVER_BASE_URL",
        "http://127.0.0.1:1234",
        Offer("mistral-rs", "mistral.rs", (), "http://127.0.0.1:1234"),
    ),
    ("INFERENCE_SERVER_MODEL", "qwen", Offer("mistral-rs", "mistral.rs", (), model="qwen")),
]


@pytest.mark.parametrize(("variable", "value", "expected"), OFFERS, ids=[one[0] for one in OFFERS])
def test_each_variable_is_an_offer(variable: str, value: str, expected: Offer) -> None:
    [offer] = offers({variable: value, "HOME": "/home/me"})
    assert offer.variables == (variable,)
    assert (offer.kind, offer.title) == (expected.kind, expected.title)
    assert (offer.url, offer.key, offer.model) == (expected.url, expected.key, expected.model)
    assert KEY not in repr(offer)
    assert KEY not in str(offer)


def test_every_variable_is_tried_above_and_every_kind_exists() -> None:
    named = {name for rule in environment.RULES for name in (*rule.keys, *rule.urls, *rule.models)}
    assert named == {variable for variable, _, _ in OFFERS}
    assert {offer.kind for _, _, offer in OFFERS} <= set(kinds())


def test_variables_of_one_provider_are_one_offer() -> None:
    environ = {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": "https://proxy.example",
        "GEMINI_API_KEY": "second",
        "GOOGLE_API_KEY": "first",
    }
    claude, gemini = offers(environ)
    assert claude.variables == ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")
    assert (claude.key, claude.url) == (KEY, "https://proxy.example")
    assert (gemini.variables, gemini.key) == (("GOOGLE_API_KEY",), "first")


def test_nothing_set_is_nothing_offered() -> None:
    assert offers({}) == []
    assert offers({"OPENAI_API_KEY": "", "OLLAMA_HOST": '  ""  '}) == []


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434"),  # where the server listens, as its users set it
        (":11500", "http://127.0.0.1:11500"),
        ('"gpu.example"', "http://gpu.example:11434"),
        ("https://gpu.example/ollama/", "https://gpu.example/ollama"),
    ],
)
def test_ollamas_own_ways_to_write_an_address(text: str, url: str) -> None:
    assert [offer.url for offer in offers({"OLLAMA_HOST": text})] == [url]


@pytest.mark.parametrize("text", ["127.0.0.1:x", "ftp://gpu.example", "http://gpu example"])
def test_an_address_that_is_none_is_not_offered(text: str) -> None:
    assert offers({"OLLAMA_HOST": text, "OPENAI_BASE_URL": text}) == []


# Kinds


def test_an_endpoint_gets_the_usual_address_and_name_of_its_kind() -> None:
    made = with_defaults(Endpoint("here", "ollama", key=KEY))
    assert made == Endpoint("here", "ollama", "http://127.0.0.1:11434", "Ollama", KEY)
    own = Endpoint("far", "ollama", "http://gpu.example", "My box")
    assert with_defaults(own) == own
    unknown = Endpoint("odd", "odd")
    assert with_defaults(unknown) == unknown


def test_the_clouds_are_marked_and_want_a_key() -> None:
    clouds = {kind.kind for kind in kinds().values() if kind.is_cloud}
    assert clouds == {"openai", "anthropic", "gemini", "openrouter"}
    assert {kind.kind for kind in kinds().values() if kind.needs_key} == clouds


def test_an_endpoints_secrets_are_not_in_its_repr() -> None:
    endpoint = Endpoint("a", "vllm", key=KEY, headers=(("X", KEY),), query=(("k", KEY),))
    assert KEY not in repr(endpoint)

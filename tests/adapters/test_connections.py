"""The way to a server: certificates, proxies, redirects, the offline lock, and who sees the key."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import net
from app.errors import Misconfigured, Unreachable
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from tests.adapters.asking import CHAT, ask, endpoint, hello_server, openai, refusal
from tests.fakes.servers.http import FakeServer, Reply

KEY = "sk-only-for-this-server"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with hello_server() as started:
        yield started


@pytest.fixture
async def other() -> AsyncIterator[FakeServer]:
    async with hello_server() as started:
        yield started


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 that signed itself."""

    file: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.file, self.key)
        return made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "server.pem", folder / "server.key")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    extensions = ("subjectAltName=IP:127.0.0.1", "keyUsage=critical,digitalSignature,keyCertSign")
    arguments = ["-subj", "/CN=Test", "-keyout", str(made.key), "-out", str(made.file)]
    for extension in extensions:
        arguments += ["-addext", extension]
    subprocess.run([*command.split(), *arguments], check=True, capture_output=True)
    return made


@pytest.fixture
async def secure(certificate: Certificate) -> AsyncIterator[FakeServer]:
    async with hello_server(tls=certificate.context()) as started:
        yield started


async def test_a_certificate_that_nobody_knows_is_refused(secure: FakeServer) -> None:
    async with openai(secure, key=KEY) as provider:
        with pytest.raises(Misconfigured, match="certificate") as caught:
            await ask(provider)
    assert "CA file" in caught.value.remedy
    assert not secure.received


async def test_the_persons_own_ca_file_is_trusted(
    secure: FakeServer, certificate: Certificate
) -> None:
    async with openai(secure, ca_file=str(certificate.file)) as provider:
        assert (await ask(provider)).text == "Hello, world"


async def test_a_certificate_for_another_name_is_refused(
    secure: FakeServer, certificate: Certificate
) -> None:
    url = secure.url.replace("127.0.0.1", "localhost")
    about = endpoint(url, ca_file=str(certificate.file))
    provider = OpenAIProvider(about, PROFILES["openai-compatible"])
    with pytest.raises(Misconfigured, match="certificate"):
        await ask(provider)
    await provider.aclose()
    assert not secure.received


async def test_the_check_of_certificates_can_be_switched_off(secure: FakeServer) -> None:
    async with openai(secure, verify=False) as provider:
        assert (await ask(provider)).text == "Hello, world"


@pytest.mark.parametrize("content", [None, "", "no certificate", "\x00\xff"])
async def test_an_unusable_ca_file_is_told(
    secure: FakeServer, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    async with openai(secure, ca_file=str(file)) as provider:
        with pytest.raises(Misconfigured, match="cannot be set up") as caught:
            await ask(provider)
    assert "certificate file" in caught.value.remedy


async def test_plain_http_where_tls_is_spoken_is_one_of_our_errors(secure: FakeServer) -> None:
    url = secure.url.replace("https", "http")
    provider = OpenAIProvider(endpoint(url), PROFILES["openai-compatible"])
    assert not (await provider.health()).works
    await provider.aclose()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_other_host_hears_nothing(
    server: FakeServer, other: FakeServer, status: int
) -> None:
    there = Reply(status=status, headers={"Location": f"{other.url}{CHAT}"})
    error = await refusal(server, there, key=KEY)
    assert isinstance(error, Misconfigured)
    assert error.status == status
    assert other.url in error.message
    assert server.received[-1].headers["authorization"] == f"Bearer {KEY}"
    server.enqueue("/v1/models", there)
    async with openai(server, key=KEY) as provider:
        assert not (await provider.health()).works
    assert not other.received
    assert other.open_connections == 0


async def test_a_redirect_to_nowhere_is_told(server: FakeServer) -> None:
    assert isinstance(await refusal(server, Reply(status=302)), Misconfigured)


async def test_the_key_goes_to_its_own_server_alone(server: FakeServer, other: FakeServer) -> None:
    async with openai(server, key=KEY) as provider, openai(other) as second:
        await ask(provider)
        await ask(second)
    assert [request.headers.get("authorization") for request in server.received] == [
        f"Bearer {KEY}"
    ]
    assert KEY not in repr(other.received)
    assert KEY not in repr(provider.endpoint)


@pytest.mark.parametrize("name", [*PROXIES[:3], "http_proxy", "all_proxy"])
async def test_the_proxy_of_the_environment_is_not_for_this_computer(
    server: FakeServer, other: FakeServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, other.url)
    async with openai(server) as provider:
        assert (await ask(provider)).text == "Hello, world"
    assert not other.received
    assert len(server.received) == 1


@pytest.mark.parametrize("how", ["environment", "setting"])
async def test_other_computers_are_reached_through_the_proxy(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    about: dict[str, Any] = {"proxy": server.url} if how == "setting" else {}
    if how == "environment":
        monkeypatch.setenv("http_proxy", server.url)
    far = endpoint("http://models.example:8080", **about)
    provider = OpenAIProvider(far, PROFILES["openai-compatible"])
    assert (await ask(provider)).text == "Hello, world"
    await provider.aclose()
    assert server.received[-1].headers["host"] == "models.example:8080"


async def test_a_proxy_that_refuses_is_told(server: FakeServer) -> None:
    far = endpoint("https://models.example", proxy=server.url)
    provider = OpenAIProvider(far, PROFILES["openai-compatible"])
    with pytest.raises(Unreachable) as caught:  # the fake has no CONNECT
        await ask(provider)
    await provider.aclose()
    assert "proxy" in caught.value.remedy
    assert [request.method for request in server.received] == ["CONNECT"]


async def test_the_closed_lock_refuses_other_computers_and_no_other_way_is_left(
    server: FakeServer,
) -> None:
    lock = net.OfflineLock()
    here = OpenAIProvider(endpoint(server.url), PROFILES["openai-compatible"], lock)
    far = OpenAIProvider(
        endpoint("http://models.example", proxy=server.url), PROFILES["openai-compatible"], lock
    )
    assert (await ask(far)).text == "Hello, world"
    lock.closed = True
    asked = len(server.received)
    with pytest.raises(Misconfigured, match="offline"):
        await ask(far)
    with pytest.raises(Misconfigured, match="offline"):
        await far.list_models()
    assert not (await far.health()).works
    assert len(server.received) == asked, "also over a connection that is open already"
    assert (await ask(here)).text == "Hello, world"
    lock.closed = False
    assert (await ask(far)).text == "Hello, world"
    await far.aclose()
    await here.aclose()


async def test_a_server_that_is_not_there(server: FakeServer) -> None:
    url = server.url
    await server.stop()
    provider = OpenAIProvider(endpoint(url), PROFILES["openai-compatible"])
    with pytest.raises(Unreachable, match=url) as caught:
        await ask(provider)
    assert "Start it" in caught.value.remedy
    assert caught.value.may_pass
    await provider.aclose()

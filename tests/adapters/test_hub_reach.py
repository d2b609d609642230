"""The way to the Hub: mirror, proxy, certificates, the offline lock, and where the token goes."""

import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app import net
from app.errors import HearthError, Misconfigured, ProviderError, StreamCut, Unreachable
from app.library.hub import failures
from app.library.hub.failures import HOME
from tests.adapters import hub_use
from tests.adapters.hub_use import TINY, TOKEN
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub
from tests.fakes.servers.http import FakeServer, Reply, running

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
MODELS = "/api/models"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub() as started:
        started.add(TINY, {"tiny.gguf": Content(50_000)})
        yield started


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """Answers whatever it is asked for with an empty list; also as a proxy."""
    made = FakeServer()
    made.otherwise = lambda _: Reply(b"[]")
    async with running(made):
        yield made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    file, key = folder / "server.pem", folder / "server.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += f" -subj /CN=Test -keyout {key} -out {file} -addext subjectAltName=IP:127.0.0.1"
    command += " -addext keyUsage=critical,digitalSignature,keyCertSign"
    subprocess.run(command.split(), check=True, capture_output=True)
    return file, key


@pytest.fixture
async def secure(certificate: tuple[Path, Path]) -> AsyncIterator[FakeServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    made = FakeServer()
    made.route("GET", MODELS, [])
    async with running(made, context):
        yield made


def closed_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


# Where the Hub is


async def test_the_hub_itself_is_meant_if_nothing_else_is_said() -> None:
    found = hub_use.access()
    assert (found.endpoint, found.name) == (HOME, "Hugging Face")
    assert found.page("a/b") == "https://huggingface.co/a/b"
    assert (await found.link()).url == HOME


async def test_the_mirror_of_the_environment_is_used(fake: FakeHub) -> None:
    hub = hub_use.client(environ={"HF_ENDPOINT": f' "{fake.url}/" '})
    assert [repo.id for repo in await hub.search("tiny")] == [TINY]


async def test_the_mirror_of_the_settings_goes_before_it(fake: FakeHub) -> None:
    hub = hub_use.client(fake.url, environ={"HF_ENDPOINT": closed_url()})
    assert await hub.search("tiny")


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("hf-mirror.com", "https://hf-mirror.com"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("localhost:80", "http://localhost:80"),
        ("http://hub.company.example/hf/", "http://hub.company.example/hf"),
    ],
)
def test_an_address_is_made_whole(text: str, endpoint: str) -> None:
    assert hub_use.access(text).endpoint == endpoint


async def test_a_mirror_may_live_below_a_path(fake: FakeHub) -> None:
    server = FakeServer()
    server.route("GET", "/hf/api/models", [{"id": "a/b"}])
    async with running(server):
        assert len(await hub_use.client(f"{server.url}/hf").search("x")) == 1


async def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(Misconfigured, match="no address of a server"):
        await hub_use.client("https://").search("x")


# Out of reach


async def test_a_hub_that_is_away_is_told_in_our_words() -> None:
    with pytest.raises(Unreachable, match="cannot be reached") as caught:
        await hub_use.client(closed_url()).search("x")
    assert failures.is_offline(caught.value)
    assert "Everything on this computer works as always" in caught.value.remedy


async def test_a_connection_that_breaks_is_told_and_not_tried_for_long(fake: FakeHub) -> None:
    fake.misbehave(Fault(cut_after=1), times=None)
    with pytest.raises(StreamCut) as caught:
        await hub_use.client(fake.url).search("x")
    assert failures.is_offline(caught.value)
    assert len(fake.received) == 1  # the library alone would try five times


async def test_a_closed_lock_keeps_hearth_from_asking(server: FakeServer) -> None:
    lock = net.OfflineLock()
    lock.closed = True
    hub = hub_use.client("http://hub.example", lock=lock, proxy=server.url)
    with pytest.raises(Misconfigured, match="set to stay offline") as caught:
        await hub.search("x")
    assert failures.is_offline(caught.value)
    assert not server.received


async def test_a_closed_lock_lets_a_mirror_on_this_computer_be_asked(fake: FakeHub) -> None:
    lock = net.OfflineLock()
    lock.closed = True
    assert await hub_use.client(fake.url, lock=lock).search("tiny")


async def test_the_variable_that_forbids_asking_is_heeded(fake: FakeHub) -> None:
    hub = hub_use.client(fake.url, environ={"HF_HUB_OFFLINE": "1"})
    with pytest.raises(Misconfigured, match="HF_HUB_OFFLINE") as caught:
        await hub.search("x")
    assert failures.is_offline(caught.value)
    assert not fake.received
    assert await hub_use.client(fake.url, environ={"HF_HUB_OFFLINE": "0"}).search("tiny")


def test_other_errors_do_not_mean_that_hearth_is_offline() -> None:
    assert not failures.is_offline(Misconfigured("The token is wrong."))
    assert not failures.is_offline(HearthError("Anything."))


# Proxies


@pytest.mark.parametrize("how", ["setting", "http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_the_hub_is_asked_through_the_proxy(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how != "setting":
        monkeypatch.setenv(how, server.url)
    proxy = server.url if how == "setting" else ""
    assert await hub_use.client("http://hub.example", proxy=proxy).search("x") == []
    assert server.last(MODELS).headers["host"] == "hub.example"


async def test_hosts_without_a_proxy_are_reached_directly(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "hub.invalid")
    with pytest.raises(Unreachable):  # there is no such host
        await hub_use.client("http://hub.invalid").search("x")
    assert not server.received


async def test_a_proxy_that_is_away_is_named() -> None:
    proxy = closed_url()
    with pytest.raises(Unreachable, match=f"cannot be reached through the proxy {proxy}"):
        await hub_use.client("http://hub.example", proxy=proxy).search("x")


@pytest.mark.parametrize("how", ["setting", "https_proxy", "HTTPS_PROXY"])
async def test_a_proxy_that_refuses_is_told(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    server.otherwise = lambda _: Reply(status=403)
    if how != "setting":
        monkeypatch.setenv(how, server.url)
    hub = hub_use.client("https://hub.example", proxy=server.url if how == "setting" else "")
    with pytest.raises(Unreachable, match="proxy did not let Hearth through") as caught:
        await hub.search("x")
    assert "proxy" in caught.value.remedy
    assert [request.method for request in server.received] == ["CONNECT"]


async def test_a_proxy_that_wants_a_password_is_told(server: FakeServer) -> None:
    server.otherwise = lambda _: Reply(status=407)
    with pytest.raises(Misconfigured, match="proxy wants a name and a password"):
        await hub_use.client("http://hub.example", proxy=server.url).search("x")


async def test_an_address_of_a_proxy_that_is_none_is_told() -> None:
    with pytest.raises(Misconfigured) as caught:
        await hub_use.client("http://hub.example", proxy="ftp://nowhere").search("x")
    assert caught.value.remedy == failures.SETTINGS


# Certificates


async def test_a_certificate_that_nobody_knows_is_refused(secure: FakeServer) -> None:
    with pytest.raises(Misconfigured, match=r"certificate of .* is not trusted") as caught:
        await hub_use.client(secure.url).search("x")
    assert "certificate file" in caught.value.remedy


@pytest.mark.parametrize("how", ["setting", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
async def test_the_certificate_of_a_company_is_trusted_once_it_is_given(
    secure: FakeServer,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    file = str(certificate[0])
    ca_file = file if how == "setting" else ""
    environ = {how: file} if how == "REQUESTS_CA_BUNDLE" else {}
    if how == "SSL_CERT_FILE":  # OpenSSL reads it itself
        monkeypatch.setenv(how, file)
    assert await hub_use.client(secure.url, ca_file=ca_file, environ=environ).search("x") == []


async def test_a_certificate_file_that_is_none_is_told(secure: FakeServer, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        await hub_use.client(secure.url, ca_file=str(tmp_path / "missing.pem")).search("x")
    assert "certificate file" in caught.value.remedy


async def test_a_variable_that_names_no_file_is_passed_over(fake: FakeHub, tmp_path: Path) -> None:
    environ = {"REQUESTS_CA_BUNDLE": str(tmp_path), "CURL_CA_BUNDLE": ""}
    assert (await hub_use.access(fake.url, environ=environ).link()).ca_file == ""


# The token


async def test_the_token_of_the_person_is_sent(fake: FakeHub) -> None:
    fake.tokens.add(TOKEN)
    await hub_use.client(fake.url, f" {TOKEN}\n").search("tiny")
    assert fake.received[-1].token == TOKEN


async def test_a_token_of_the_environment_is_offered_and_not_taken(fake: FakeHub) -> None:
    environ = {"HF_TOKEN": TOKEN}
    await hub_use.client(fake.url, environ=environ).search("tiny")
    assert fake.received[-1].token == ""
    assert hub_use.access(fake.url, environ=environ).offered_token == TOKEN
    assert hub_use.access(fake.url).offered_token == ""


async def test_a_token_goes_nowhere_else_and_never_unencrypted(server: FakeServer) -> None:
    hub = hub_use.client("http://hub.example", TOKEN, proxy=server.url)
    await hub.search("x")
    assert "authorization" not in server.received[-1].headers
    found = hub_use.access(HOME, TOKEN)
    assert "Authorization" in (await found.link()).headers
    for elsewhere in ("https://cdn.example", "http://huggingface.co", "https://huggingface.co:444"):
        assert "Authorization" not in (await found.link(elsewhere)).headers
    assert "Authorization" in (await found.link("https://huggingface.co:443")).headers


async def test_a_token_that_cannot_be_sent_is_told_without_quoting_it(fake: FakeHub) -> None:
    with pytest.raises(Misconfigured) as caught:
        await hub_use.client(fake.url, "hf_süß").search("x")
    assert "süß" not in str(caught.value) + caught.value.details
    assert "token" in caught.value.remedy


async def test_a_mirror_that_wants_a_token_says_so(server: FakeServer) -> None:
    server.otherwise = lambda _: Reply(status=401)
    with pytest.raises(ProviderError, match="answers only with a token"):
        await hub_use.client(server.url).search("x")

"""Addresses of the Hub and of proxies as people write them, and what may not come of them."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.errors import Misconfigured, ProviderError
from app.library.records import Stage
from tests.adapters import hub_use
from tests.adapters.downloading import FILE, MIB, REPO, ended, model, running, sha256
from tests.adapters.hub_use import TINY
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub
from tests.fakes.hub.socks import SocksProxy
from tests.fakes.hub.wire import HUB

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


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


def port(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("hub.example:8443", "https://hub.example:8443"),
        ("[::1]:8080/", "http://[::1]:8080"),
        ("https://hub.example/a/b//", "https://hub.example/a/b"),
        ("  https://hub.example \n", "https://hub.example"),
    ],
)
def test_what_lacks_in_an_address_is_put_in_front(text: str, endpoint: str) -> None:
    assert hub_use.access(text).endpoint == endpoint
    assert hub_use.access(environ={"HF_ENDPOINT": text}).endpoint == endpoint


@pytest.mark.parametrize("text", ["ftp://hub.example", "https://", "[::1", "https://a?x=1"])
def test_what_cannot_be_an_address_is_told(text: str) -> None:
    with pytest.raises(Misconfigured, match="no address of a server"):
        _ = hub_use.access(text).endpoint


async def test_an_address_in_upper_case_is_protected_as_well(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += f" -subj /CN=Nobody -addext subjectAltName=IP:127.0.0.1 -keyout {both} -out {both}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    hub = FakeHub()
    hub.tls = {HUB: context}
    with hub:
        asked = hub_use.client(hub.url.replace("https", "HTTPS"), "hf_secret")
        with pytest.raises(Misconfigured, match="not trusted"):
            await asked.search("x")
    assert not hub.received


@pytest.mark.parametrize("target", ["https://h:99999999/x", "http://[::1", "https://[zz]/x"])
async def test_a_redirect_that_is_no_address_is_one_of_our_errors(
    fake: FakeHub, target: str
) -> None:
    fake.misbehave(Fault(status=302, headers={"Location": target}), times=None)
    hub = hub_use.client(fake.url)
    with pytest.raises(ProviderError):
        await hub.search("x")
    async with hub.open(TINY, fake.repos[TINY].head, "tiny.gguf") as file:
        with pytest.raises(ProviderError):
            await file.read(0, 100)


@pytest.mark.parametrize("how", ["setting", "ALL_PROXY"])
async def test_the_hub_is_asked_through_a_socks_proxy(
    fake: FakeHub, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with SocksProxy({("hub.example", 80): port(fake.url)}) as proxy:
        if how != "setting":
            monkeypatch.setenv(how, proxy.url)
        chosen = proxy.url if how == "setting" else ""
        found = await hub_use.client("http://hub.example", proxy=chosen).search("tiny")
    assert [repo.id for repo in found] == [TINY]
    assert set(proxy.asked) == {("hub.example", 80)}


async def test_a_download_goes_through_a_socks_proxy(fake: FakeHub, tmp_path: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(2 * MIB + 3)})
    cdn = urlsplit(fake.cdn_url)
    assert cdn.hostname and cdn.port  # noqa: PT018
    ways = {("hub.example", 80): port(fake.url), (cdn.hostname, cdn.port): cdn.port}
    with SocksProxy(ways) as proxy:
        settings = {"proxy": proxy.url, "endpoint": "http://hub.example"}
        async with running(fake, settings=settings) as downloads:
            done = await ended(downloads, downloads.add(model(repo), tmp_path / "models"))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert proxy.asked == list(ways)

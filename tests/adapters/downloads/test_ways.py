"""The ways to the Hub: certificates, proxies, a mirror; and the fake's own truth."""

import os
import shlex
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from app.library.downloads import transfer
from app.library.records import Stage
from tests.adapters.downloading import (
    CDN,
    FILE,
    HUB,
    MIB,
    REPO,
    ended,
    in_library,
    model,
    running,
    sha256,
    until,
)
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub

TOKEN = "hf_0123456789"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
REAL_CLIENT = """
import sys
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
endpoint, repo, file, folder = sys.argv[1:]
api = HfApi(endpoint=endpoint, token="hf_0123456789")
print(api.model_info(repo).sha)
print([found.id for found in api.list_models(search="big", filter="gguf")])
print(api.get_paths_info(repo, [file])[0].lfs.sha256)
print(hf_hub_download(repo, file, endpoint=endpoint, token="hf_0123456789", cache_dir=folder))
print(snapshot_download(repo, endpoint=endpoint, token="hf_0123456789", local_dir=folder + "/all"))
"""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody knows, with its key in the same file."""
    made = tmp_path_factory.mktemp("certificate") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    command += " -addext keyUsage=critical,digitalSignature,keyCertSign"
    subprocess.run(
        [*shlex.split(command), "-keyout", made, "-out", made], check=True, capture_output=True
    )
    return made


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


async def test_encrypted_with_a_certificate_of_the_persons_own(
    context: ssl.SSLContext, certificate: Path, folder: Path
) -> None:
    hub = FakeHub()
    hub.tls = {HUB: context, CDN: context}
    with hub:
        repo = hub.add(REPO, {FILE: Content(5 * MIB + 3)})
        hub.misbehave(Fault(cut_after=MIB + 3), side=CDN)
        async with running(hub, settings={"ca_file": str(certificate)}) as downloads:
            done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256


async def test_a_certificate_that_nobody_knows_is_told(
    context: ssl.SSLContext, folder: Path
) -> None:
    hub = FakeHub()
    hub.tls = {HUB: context, CDN: context}
    with hub:
        repo = hub.add(REPO, {FILE: Content(MIB)})
        async with running(hub) as downloads:
            failed = await ended(downloads, downloads.add(model(repo), folder))
    assert failed.stage is Stage.FAILED
    assert "certificate" in failed.message
    assert "certificate file" in failed.remedy
    assert not hub.received


async def test_what_is_encrypted_never_goes_on_in_the_open(
    context: ssl.SSLContext, certificate: Path, folder: Path
) -> None:
    hub = FakeHub()
    hub.tls = {HUB: context}
    with hub:
        repo = hub.add(REPO, {FILE: Content(MIB)})
        async with running(hub, settings={"ca_file": str(certificate)}) as downloads:
            failed = await ended(downloads, downloads.add(model(repo), folder))
    assert failed.stage is Stage.FAILED
    assert "not protected" in failed.message
    assert not hub.requests(CDN)
    assert in_library(folder) == []


async def test_everything_goes_through_the_proxy(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(5 * MIB + 3)})
    fake.misbehave(Fault(cut_after=MIB + 3), side=CDN)
    async with running(fake, settings={"proxy": fake.url}) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert len(fake.received) == 4
    assert all(request.proxied_to for request in fake.received)


async def test_a_proxy_that_is_away_is_tried_again(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(MIB)})
    async with running(fake, settings={"proxy": "http://127.0.0.1:9"}) as downloads:
        key = downloads.add(model(repo), folder)
        stalled = await until(downloads, key, lambda item: item.stage is Stage.STALLED)
    assert "proxy" in stalled.message
    assert not fake.received


async def test_a_mirror_that_sends_the_files_itself(fake: FakeHub, folder: Path) -> None:
    fake.is_mirror = True
    repo = fake.add(REPO, {FILE: Content(5 * MIB + 3)})
    fake.misbehave(Fault(cut_after=MIB + 3))
    fake.misbehave(Fault(corrupt=(4 * MIB,)))
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert not fake.requests(CDN)


def test_silence_counts_as_a_stall_before_fifteen_seconds_are_over() -> None:
    assert transfer.SILENCE < 15


def test_the_fake_is_one_that_huggingface_hub_works_with(fake: FakeHub, tmp_path: Path) -> None:
    content = Content(2 * MIB + 1, seed=5)
    repo = fake.add(REPO, {FILE: content, "README.md": Content.of(b"# Big")}, is_gated=True)
    fake.tokens |= {TOKEN}
    fake.granted |= {TOKEN}
    environment = {**os.environ, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    environment |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", REAL_CLIENT, fake.url, REPO, FILE, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    sha, found, lfs, path, whole = done.stdout.splitlines()
    assert (sha, found, lfs) == (repo.head, f"['{REPO}']", content.sha256)
    assert sha256(Path(path)) == sha256(Path(whole) / FILE) == content.sha256
    assert (Path(whole) / "README.md").read_bytes() == b"# Big"
    assert not any(request.token for request in fake.requests(CDN))

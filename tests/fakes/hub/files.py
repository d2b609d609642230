"""How the fake Hub gives out files: `resolve` on the hub's side, the bytes on the second host's."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tests.fakes.hub.content import Content
from tests.fakes.hub.repos import Repo, etag, is_large
from tests.fakes.hub.wire import Request, Response, refusal

if TYPE_CHECKING:
    from tests.fakes.hub.server import FakeHub

RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def resolve(hub: FakeHub, request: Request) -> Response:
    """HEAD or GET of `/owner/name/resolve/revision/file`."""
    match = RESOLVE.fullmatch(request.path)
    if match is None:
        return refusal(404, message="There is nothing here.")
    name, revision, file = match.groups()
    repo = hub.repos.get(name)
    if denied := denial(hub, repo, request):
        return denied
    assert repo is not None
    commit = repo.resolved(revision)
    if commit is None:
        return refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    content = repo.files(commit).get(file)
    if content is None:
        return refusal(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
    if hub.is_mirror:
        return ranged(content, request, {"ETag": '"of the mirror\'s own"'})
    about = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if not is_large(content):
        return ranged(content, request, {**about, "ETag": f'"{etag(content)}"'})
    signed = urlencode({"Expires": int(time.time() + hub.link_seconds), "Signature": "fake"})
    about |= {
        "X-Linked-Size": str(content.size),
        "X-Linked-ETag": f'"{content.sha256}"',
        "ETag": f'"{content.git_oid[:32]}"',
        "Location": f"{hub.cdn_url}/{name}/{commit}/{quote(file)}?{signed}",
    }
    return Response(302, about, Content.of(b"Found. Redirecting."))


def denial(hub: FakeHub, repo: Repo | None, request: Request) -> Response | None:
    """The refusal where the asker may not see the repository; None where it may."""
    is_known = request.token in hub.tokens
    if request.token and not is_known:
        return refusal(401, message="Invalid credentials in Authorization header")
    if repo is None or (repo.is_private and not is_known):
        return refusal(404 if is_known else 401, "RepoNotFound", "Repository not found")
    if repo.is_gated and request.token not in hub.granted:
        about = f"Access to model {repo.id} is restricted."
        return refusal(403 if is_known else 401, "GatedRepo", about)
    return None


def fetch(hub: FakeHub, request: Request) -> Response:
    """HEAD or GET on the second host: `/owner/name/commit/file` with a signature that expires."""
    if int(request.param("Expires", "0")) < time.time():
        return refusal(403, message="Request has expired")
    owner, name, commit, file = request.path.strip("/").split("/", 3)
    repo = hub.repos.get(f"{owner}/{name}")
    content = repo.revisions.get(commit, {}).get(file) if repo else None
    if content is None:
        return refusal(404, message="No such object")
    return ranged(content, request, {"ETag": f'"{etag(content)}"', "Accept-Ranges": "bytes"})


def ranged(content: Content, request: Request, headers: dict[str, str]) -> Response:
    """The whole, the part that Range asks for, or 416; If-Range is heeded."""
    headers = {"Content-Type": "application/octet-stream", **headers}
    match = RANGE.fullmatch(request.headers.get("range", ""))
    known = request.headers.get("if-range", headers["ETag"])
    if match is None or known != headers["ETag"]:
        return Response(200, headers, content)
    start = int(match[1])
    end = min(int(match[2]) + 1 if match[2] else content.size, content.size)
    if start >= end:
        headers["Content-Range"] = f"bytes */{content.size}"
        return Response(416, headers)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    return Response(206, headers, content, start, end)

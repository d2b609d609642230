"""The fake Hub's API in JSON: search, file listings, and what a repository is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.fakes.hub.repos import Repo, is_large
from tests.fakes.hub.wire import Request, Response, as_json, refusal

if TYPE_CHECKING:
    from tests.fakes.hub.content import Content
    from tests.fakes.hub.server import FakeHub

MODEL = re.compile(
    r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?P<what>revision|tree|paths-info)/(?P<revision>[^/]+))?"
)
SORTS = {"downloads": "downloads", "likes": "likes", "lastModified": "lastModified"}
ALWAYS = ("id", "modelId")
PAGE = 1000  # entries, where no limit is asked for


def answer(hub: FakeHub, request: Request) -> Response | None:
    """The answer to a request below /api/; None where there is no such path."""
    if request.token and request.token not in hub.tokens:
        return refusal(401, message="Invalid credentials in Authorization header")
    if request.path == "/api/models":
        return _search(hub, request)
    match = MODEL.fullmatch(request.path)
    if match is None:
        return None
    repo = hub.repos.get(match["repo"])
    if repo is None or (repo.is_private and request.token not in hub.tokens):
        status = 404 if request.token else 401
        return refusal(status, "RepoNotFound", "Repository not found")
    if repo.id != match["repo"]:
        return _moved(request, match["repo"], repo.id)
    return _of_repo(repo, match["what"], match["revision"] or "main", request)


def _moved(request: Request, old: str, new: str) -> Response:
    """A renamed repository (added under both names): the Hub sends on to the new one."""
    query = urlencode(request.query, doseq=True)
    path = request.path.replace(old, new)
    return Response(307, {"Location": f"{path}?{query}" if query else path})


def _of_repo(repo: Repo, what: str | None, revision: str, request: Request) -> Response:
    commit = repo.resolved(revision)
    if commit is None:
        return refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    entries = _entries(repo, commit)
    if what == "tree":
        return as_json(entries)
    if what == "paths-info":
        wanted = request.form.get("paths", [])
        return as_json([entry for entry in entries if entry["path"] in wanted])
    return as_json(_shown(_about(repo, commit, request.param("blobs") == "true"), request))


def _search(hub: FakeHub, request: Request) -> Response:
    """As the Hub lists models: filters, order, pages with a link to the next one."""
    found = [
        _about(repo, repo.head, with_files=False)
        for name, repo in hub.repos.items()
        if name == repo.id and not repo.is_private
    ]
    tags = [*request.query.get("filter", []), *request.query.get("pipeline_tag", [])]
    words = request.param("search").lower().split()
    found = [
        about
        for about in found
        if all(tag in (*about["tags"], about.get("pipeline_tag")) for tag in tags)
        and all(word in about["id"].lower() for word in words)
    ]
    order = SORTS.get(request.param("sort"), "trendingScore")
    found.sort(key=lambda about: about.get(order) or 0, reverse=True)
    start, size = int(request.param("cursor", "0")), int(request.param("limit", str(PAGE)))
    headers = {}
    if start + size < len(found):
        headers["Link"] = f'<{hub.url}/api/models?limit={size}&cursor={start + size}>; rel="next"'
    return as_json([_shown(about, request) for about in found[start : start + size]], 200, headers)


def _about(repo: Repo, commit: str, with_files: bool) -> dict[str, Any]:
    """What the API tells of a repository."""
    siblings = [_sibling(path, content, with_files) for path, content in repo.files(commit).items()]
    return {
        "id": repo.id,
        "modelId": repo.id,
        "sha": commit,
        "gated": "manual" if repo.is_gated else False,
        "private": repo.is_private,
        "downloads": 0,
        "likes": 0,
        "lastModified": "2026-03-14T15:09:26.000Z",
        "tags": ["gguf"],
        "siblings": siblings,
        **repo.about,
    }


def _shown(about: dict[str, Any], request: Request) -> dict[str, Any]:
    """Everything, or what `expand` names."""
    wanted = request.query.get("expand", [])
    if not wanted:
        return about
    return {name: value for name, value in about.items() if name in (*wanted, *ALWAYS)}


def _sibling(path: str, content: Content, with_files: bool) -> dict[str, Any]:
    if not with_files:
        return {"rfilename": path}
    about: dict[str, Any] = {"rfilename": path, "size": content.size, "blobId": content.git_oid}
    if is_large(content):
        about["lfs"] = {"sha256": content.sha256, "size": content.size, "pointerSize": 135}
    return about


def _entries(repo: Repo, commit: str) -> list[dict[str, Any]]:
    """The files as `tree` and `paths-info` list them."""
    entries = []
    for path, content in repo.files(commit).items():
        entry: dict[str, Any] = {
            "type": "file",
            "path": path,
            "size": content.size,
            "oid": content.git_oid,
        }
        if is_large(content):
            entry["lfs"] = {"oid": content.sha256, "size": content.size, "pointerSize": 135}
        entries.append(entry)
    return entries

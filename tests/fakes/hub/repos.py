"""The repositories of the fake Hub: files, commits, and who may see them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.hub.content import Content

LARGE = 10_000  # bytes from which on a file is kept as a large one (LFS)


@dataclass
class Repo:
    """A model repository; `revisions` holds the files by commit, `branches` the newest commit."""

    id: str  # owner/name
    is_gated: bool = False
    is_private: bool = False
    about: dict[str, Any] = field(default_factory=dict)  # what the API tells beside: downloads, …
    revisions: dict[str, dict[str, Content]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, **files: Content) -> str:
        """Adds or changes files (see `publish` for names that are no Python names)."""
        return self.publish(files)

    def publish(self, files: dict[str, Content], branch: str = "main") -> str:
        """Makes a commit with these files beside those that there were; returns its name."""
        before = self.revisions.get(self.branches.get(branch, ""), {})
        name = hashlib.sha1(f"{self.id} {len(self.revisions)}".encode()).hexdigest()
        self.revisions[name] = {**before, **files}
        self.branches[branch] = name
        return name

    @property
    def head(self) -> str:
        """The newest commit of main."""
        return self.branches["main"]

    def resolved(self, revision: str) -> str | None:
        """The commit that a branch or a commit's name means."""
        commit = self.branches.get(revision, revision)
        return commit if commit in self.revisions else None

    def files(self, revision: str = "main") -> dict[str, Content]:
        """The files by their paths."""
        return self.revisions[self.resolved(revision) or ""]


def is_large(content: Content) -> bool:
    """Whether the Hub keeps it as a large file, with a SHA-256."""
    return content.size >= LARGE


def etag(content: Content) -> str:
    """The validator of a file, without its quotation marks."""
    return content.sha256 if is_large(content) else content.git_oid

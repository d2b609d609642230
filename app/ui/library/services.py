"""What the models page works with, beside the window's own services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from app.library.catalog import Library
    from app.library.downloads.queue import Downloads
    from app.library.hub.client import Hub
    from app.library.judging import Judging
    from app.library.pulls import Pulls
    from app.library.records import Stage
    from app.library.renewals import Renewals
    from app.library.trash import Deleted, Trash
    from app.llm.server_models import ServerModels


@dataclass(frozen=True, slots=True)
class LibraryServices:
    """The library, its trash, the Hub and the downloads."""

    library: Library
    trash: Trash
    hub: Hub
    downloads: Downloads
    servers: ServerModels
    pulls: Pulls
    renewals: Renewals
    own_folder: Path  # where models are kept unless the person chose another folder
    judging: Judging
    deleted: list[Deleted] = field(default_factory=list)  # what can be undone until the end
    told: dict[str, Stage] = field(default_factory=dict)  # of each download, so that none is twice

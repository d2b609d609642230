"""What the controllers of the window work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.ui.tasks import Tasks

if TYPE_CHECKING:
    from app.chats.store import ChatStore
    from app.conversation.service import ConversationService
    from app.credentials import Credentials
    from app.llm.hosting import ServerHost
    from app.llm.manager import LLMManager
    from app.llm.plans_view import PlansView
    from app.llm.setup import ProviderSetup
    from app.llm.speedometer import Speedometer
    from app.llm.usage import UsageLedger
    from app.paths import Paths
    from app.schema import ModelRef
    from app.ui.library.services import LibraryServices


@dataclass(frozen=True, slots=True)
class Services:
    """The models, the history, the running answers, and the window's tasks."""

    manager: LLMManager
    store: ChatStore
    conversations: ConversationService
    tasks: Tasks
    starter: ModelRef | None = None  # the model that ships with Hearth
    setup: ProviderSetup | None = None
    usage: UsageLedger | None = None
    host: ServerHost | None = None
    credentials: Credentials | None = None
    paths: Paths | None = None
    library: LibraryServices | None = None
    plans: PlansView | None = None
    speedometer: Speedometer | None = None

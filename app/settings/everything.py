"""All settings together, as they stand in the file."""

from __future__ import annotations

from pydantic import Field

from app.settings.chat import ChatDefaults
from app.settings.models import Hub, Models
from app.settings.providers import Providers
from app.settings.section import Section
from app.settings.window import Appearance, Guide
from app.settings_migrations import VERSION


class Settings(Section):
    """Everything a person can set."""

    version: int = VERSION
    appearance: Appearance = Field(default_factory=Appearance)
    chat: ChatDefaults = Field(default_factory=ChatDefaults)
    models: Models = Field(default_factory=Models)
    hub: Hub = Field(default_factory=Hub)
    guide: Guide = Field(default_factory=Guide)
    providers: Providers = Field(default_factory=Providers)

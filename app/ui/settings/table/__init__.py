"""All settings in their sections, as data."""

from __future__ import annotations

from app.ui.settings.rows import Section
from app.ui.settings.table.about import ROWS as ABOUT
from app.ui.settings.table.chat import ROWS as CHAT
from app.ui.settings.table.general import ROWS as GENERAL
from app.ui.settings.table.hardware import ROWS as HARDWARE
from app.ui.settings.table.models import ROWS as MODELS
from app.ui.settings.table.privacy import ROWS as PRIVACY
from app.ui.settings.table.providers import ROWS as PROVIDERS

SECTIONS: tuple[Section, ...] = (
    Section("general", "General", GENERAL),
    Section("models", "Models", MODELS),
    Section("providers", "Providers", PROVIDERS),
    Section("hardware", "Hardware and performance", HARDWARE),
    Section("chat", "Chat defaults", CHAT),
    Section("privacy", "Privacy", PRIVACY),
    Section("about", "About", ABOUT),
)

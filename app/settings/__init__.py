"""The person's settings: typed, in one versioned file that is written atomically."""

from app.settings.chat import ChatDefaults
from app.settings.everything import Settings
from app.settings.file import SettingsFile
from app.settings.models import STARTER, AdapterSetting, Hub, Models, WishSetting
from app.settings.providers import Providers, ProviderSettings
from app.settings.window import Appearance, Guide

__all__ = [
    "STARTER",
    "AdapterSetting",
    "Appearance",
    "ChatDefaults",
    "Guide",
    "Hub",
    "Models",
    "ProviderSettings",
    "Providers",
    "Settings",
    "SettingsFile",
    "WishSetting",
]

"""Models of this process are set up by their names: no address, no key, a device."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QLabel, QWidget

from app.schema import ProviderKind
from app.settings import ProviderSettings
from app.ui.icons import Icons
from app.ui.provider_dialog import ProviderDialog

LINE = "Install them with: pip install this"
KINDS = (
    ProviderKind("vllm", "vLLM", "http://127.0.0.1:8000"),
    ProviderKind("transformers", "Hugging Face models", needs_url=False, missing=LINE),
)


@pytest.fixture
def dialog(icons: Icons) -> Iterator[ProviderDialog]:
    window = QWidget()
    window.resize(800, 700)
    made = ProviderDialog(
        KINDS,
        ProviderSettings(name="new", kind="vllm"),
        is_new=True,
        has_key=False,
        keyring_works=True,
        icons=icons,
        parent=window,
    )
    made.show()
    yield made
    made.close()
    window.deleteLater()


def choose(dialog: ProviderDialog, kind: str) -> None:
    dialog.kind.setCurrentIndex(dialog.kind.findData(kind))


def shown(dialog: ProviderDialog) -> set[str]:
    """The fields that a person sees."""
    names = ("Url", "Key", "Models", "Device", "Context", "Headers", "Verify", "PromptPrice")
    return {
        name
        for name in names
        for field in dialog.findChildren(QWidget, f"provider{name}")
        if field.isVisible()
    }


def test_only_what_has_a_meaning_is_asked_for(dialog: ProviderDialog) -> None:
    server = {"Url", "Key", "Models", "Headers", "Verify", "PromptPrice"}
    assert shown(dialog) == server
    choose(dialog, "transformers")
    assert shown(dialog) == {"Models", "Device", "Context"}
    assert "repo ids or folders" in dialog.models.placeholderText()
    about = dialog.findChild(QLabel, "providerAbout")
    assert about is not None
    assert about.isVisible()
    assert about.text() == LINE
    choose(dialog, "vllm")
    assert shown(dialog) == server
    assert not about.isVisible()


def test_what_was_typed_for_a_server_is_not_kept_for_a_model(dialog: ProviderDialog) -> None:
    dialog.url.setText("http://127.0.0.1:9")
    dialog.key.setText("secret")
    dialog.device.setText("cuda:1")
    settings, key = dialog.values()
    assert (settings.url, settings.device, key) == ("http://127.0.0.1:9", "", "secret")
    choose(dialog, "transformers")
    dialog.models.setText("Qwen/Qwen3-0.6B, ~/models/mine")
    settings, key = dialog.values()
    assert settings == ProviderSettings(
        name="new",
        kind="transformers",
        models=("Qwen/Qwen3-0.6B", "~/models/mine"),
        device="cuda:1",
    )
    assert key is None

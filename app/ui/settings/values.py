"""The settings by their paths: read, checked as they are typed, and compared with the defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ValidationError

from app.settings import Settings
from app.ui.settings.rows import WrongValue

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LIMITS = {  # by pydantic's names of them: the sentence, and where the limit stands
    "greater_than_equal": ("It must be at least {}.", "ge"),
    "greater_than": ("It must be more than {}.", "gt"),
    "less_than_equal": ("It must be at most {}.", "le"),
    "less_than": ("It must be less than {}.", "lt"),
}


class Holder(Protocol):
    """What has settings, such as their file."""

    @property
    def settings(self) -> BaseModel:
        """What is read and set by paths."""
        ...


class Values:
    """Gives and takes values; what is not right is refused and changes nothing."""

    def __init__(self, file: Holder, defaults: BaseModel | None = None) -> None:
        """`defaults` are those of all settings, where nothing else is given."""
        self._file = file
        self._defaults = Settings() if defaults is None else defaults

    def get(self, path: str) -> Any:
        """What is set now."""
        return _read(self._file.settings, path)

    def default(self, path: str) -> Any:
        """What it was before anybody set it."""
        return _read(self._defaults, path)

    def is_default(self, path: str) -> bool:
        """Whether nobody has changed it."""
        return bool(self.get(path) == self.default(path))

    def put(self, path: str, value: object) -> bool:
        """Sets it; whether that changed anything. Raises WrongValue."""
        *way, name = path.split(".")
        section = _read(self._file.settings, ".".join(way))
        before = getattr(section, name)
        try:
            setattr(section, name, value)
        except ValidationError as error:
            raise WrongValue(sentence(error.errors(include_input=False)[0])) from error
        return bool(getattr(section, name) != before)


def sentence(wrong: ErrorDetails) -> str:
    """What pydantic found wrong, in plain words."""
    kind, context = wrong["type"], wrong.get("ctx", {})
    if kind in LIMITS:
        text, where = LIMITS[kind]
        return text.format(f"{context[where]:,g}")
    if kind.startswith("int_"):
        return "Write a whole number."
    if kind.startswith("float_"):
        return "Write a number, such as 0.5."
    text = wrong["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _read(settings: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        settings = getattr(settings, step)
    return settings

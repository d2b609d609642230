"""What is wanted of a model's load, by the settings: of this model, of all models, and of today."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.llm.optimizer.wishes import Wishes
from app.settings import WishSetting

if TYPE_CHECKING:
    from app.settings import Models

OnBattery = Callable[[], bool | None]  # None: not known; may block


def of_model(models: Models, path: str, on_battery: OnBattery) -> Wishes:
    """The wishes for the model file at `path`."""
    return over_all(models.wishes.get(path, WishSetting()), of_all(models, on_battery))


def of_all(models: Models, on_battery: OnBattery) -> Wishes:
    """The wishes for any model; the battery is looked at only where it matters."""
    quiet = models.quiet == "always" or (models.quiet == "battery" and on_battery() is True)
    return Wishes(less_memory=models.less_memory, quiet=quiet, optimize=models.optimize)


def over_all(wanted: WishSetting, general: Wishes) -> Wishes:
    """What is wanted of one model, beside what is wanted of all."""
    return Wishes(
        **wanted.model_dump(),
        less_memory=general.less_memory,
        quiet=general.quiet,
        optimize=general.optimize,
    )

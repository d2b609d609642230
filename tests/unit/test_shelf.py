"""The recommended models, and what fits."""

from pathlib import Path

import pytest

from app import paths
from app.library import shelf
from app.library.shelf import Fit
from app.schema import Hardware

GB = 1_000_000_000


def computer(total: float, free: float) -> Hardware:
    return Hardware(4, round(total * GB), round(free * GB))


def test_the_shelf_that_ships_is_whole() -> None:
    models = shelf.read(paths.resources())
    assert len(models) >= 8
    assert [model.size for model in models] == sorted(model.size for model in models)
    for model in models:
        assert model.repo.count("/") == 1
        assert model.page == f"https://huggingface.co/{model.repo}/tree/main"
        assert 0.1 * GB < model.size < 40 * GB
        assert all((model.licence, model.good_for, model.quantisation))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"models": 3}', '{"models": [{"name": "x"}]}', '{"models": [7]}']
)
def test_a_damaged_shelf_is_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "shelf.json").write_text(text)
    assert shelf.read(tmp_path) == []
    assert shelf.read(tmp_path / "missing") == []


def test_what_fits() -> None:
    facts = computer(total=16, free=8)
    assert shelf.fit(5 * GB, facts) is Fit.NOW
    assert shelf.fit(7 * GB, facts) is Fit.CROWDED
    assert shelf.fit(14 * GB, facts) is Fit.NEVER
    largest = shelf.largest(facts)
    assert shelf.fit(largest - GB // 100, facts) is Fit.CROWDED
    assert shelf.fit(largest + GB // 100, facts) is Fit.NEVER
    assert shelf.largest(computer(0.5, 0.1)) == 0


def test_what_fits_comes_first_and_the_largest_of_it_on_top() -> None:
    facts = computer(total=16, free=8)
    order = shelf.by_fit(shelf.read(paths.resources()), facts)
    fits = [fit for _, fit in order]
    assert fits == sorted(fits, key=[Fit.NOW, Fit.CROWDED, Fit.NEVER].index)
    now = [model.size for model, fit in order if fit is Fit.NOW]
    assert now == sorted(now, reverse=True)
    assert now

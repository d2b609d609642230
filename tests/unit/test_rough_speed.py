"""A speed that was foretold on a busy computer is told as what it is."""

from pathlib import Path

from app.llm.optimizer.speed.rates_book import RatesBook
from app.llm.rates import ProbeOrder, Rates

MEASURED = Rates(2, near={"F16": 2e10}, far={"F16": 1e10}, products={"F16": 1e11}, step=1e-6)


def _book(file: Path, work: float) -> RatesBook:
    def measure(_order: ProbeOrder) -> list[Rates]:
        return [MEASURED]

    return RatesBook(file, "1", measure, work=lambda: work)


def test_what_is_measured_beside_other_work_is_marked_and_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "speeds.json"
    rough = _book(file, work=90.0).rates("here", 2, ["F16"])
    assert rough is not None
    assert rough.is_rough
    assert not file.exists()


def test_what_is_measured_at_rest_is_kept_and_not_marked(tmp_path: Path) -> None:
    file = tmp_path / "speeds.json"
    known = _book(file, work=1.0).rates("here", 2, ["F16"])
    assert known is not None
    assert not known.is_rough
    assert _book(file, work=90.0).rates("here", 2, ["F16"]) == known

"""What this computer reaches is measured anew when its facts are read anew."""

from pathlib import Path

from app.llm.optimizer.machine.records import Computer
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.speed.rates_book import RatesBook
from app.llm.plans_view import PlansView
from app.llm.providers.local_plans import LocalPlans
from app.llm.rates import ProbeOrder, Rates
from app.settings import Models

MEASURED = Rates(2, near={"F16": 2e10}, far={"F16": 1e10}, products={"F16": 1e11}, step=1e-6)


class _Here:
    """A computer of which nothing is known."""

    def now(self) -> Computer:
        return Computer()

    def renew(self) -> Computer:
        return Computer()


def test_reading_the_facts_again_has_the_speed_measured_again(tmp_path: Path) -> None:
    orders: list[ProbeOrder] = []

    def measure(order: ProbeOrder) -> list[Rates]:
        orders.append(order)
        return [MEASURED]

    book = RatesBook(tmp_path / "speeds.json", "1", measure, work=lambda: 0.0)
    remembered = Remembered(tmp_path / "plans.json", "1")
    plans = LocalPlans(_Here(), remembered, book=book)
    view = PlansView(_Here(), remembered, lambda: None, Models, plans=plans)
    ask = (Computer().fingerprint(), 2, ["F16"])
    for again, measured in ((False, 1), (False, 1), (True, 2)):
        view.facts(again=again)
        book.rates(*ask)
        assert len(orders) == measured

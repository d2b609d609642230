"""Has a child process measure what the devices reach, so that a crash there costs nothing here."""

from __future__ import annotations

import dataclasses
import json
import logging
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from app import processes
from app.llm.rates import ProbeOrder, Rates, read, written

_DAMAGED = (ValueError, LookupError, TypeError, OverflowError, RecursionError)
LIMIT = 60.0  # seconds; it takes about one, and more only where the computer is busy
_LOG = logging.getLogger(__name__)


class Probing:
    """Starts the children; each call blocks for a second or two."""

    def __init__(
        self,
        extra_buffers: Callable[[], bool] = lambda: True,
        command: Sequence[str] | None = None,
    ) -> None:
        """`extra_buffers` says whether repacked weights are known to work on this machine."""
        self._extra_buffers = extra_buffers
        self._command = list(command or [*processes.own_command(), processes.PROBE])

    def measure(self, order: ProbeOrder) -> list[Rates]:
        """The rates for each number of threads; [] where they cannot be measured."""
        order = dataclasses.replace(order, extra_buffers=self._extra_buffers())
        found = self._ask(order)
        if found is None and order.extra_buffers:
            # Repacked weights use instructions such as AMX, which some machines offer but trap.
            found = self._ask(dataclasses.replace(order, extra_buffers=False))
        return found or []

    def _ask(self, order: ProbeOrder) -> list[Rates] | None:
        """What the child says; None where it crashed or failed."""
        try:
            ended = subprocess.run(  # noqa: S603 - this program itself
                [*self._command, json.dumps(dataclasses.asdict(order))],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT,
                check=True,
            )
            return [read(one) for one in json.loads(ended.stdout.splitlines()[-1])]
        except (OSError, subprocess.SubprocessError, *_DAMAGED) as error:
            _LOG.info("the speed of this computer could not be measured: %s", error)
            return None


def run_child(argument: str) -> int:
    """The child's whole life: takes an order and says the rates, both in JSON."""
    from contextlib import closing

    from app.llm.runner.llama import log
    from app.llm.runner.llama.probe import Probe

    log.forward()
    order = _order(json.loads(argument))
    try:
        with closing(Probe(order.device, extra_buffers=order.extra_buffers)) as probe:
            found = list(probe.measure(order.kinds, order.threads, order.heads))
    except (OSError, MemoryError, AttributeError) as error:
        print(json.dumps({"error": str(error)}))
        return 1
    print(json.dumps([written(rates) for rates in found]), flush=True)
    return 0


def _order(value: dict[str, Any]) -> ProbeOrder:
    lists = {name: tuple(value[name]) for name in ("kinds", "heads", "threads")}
    return ProbeOrder(**{**value, **lists})

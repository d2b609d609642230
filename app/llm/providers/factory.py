"""Makes providers from endpoints, by a table of kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.errors import UsageError
from app.llm.providers.interface import Provider
from app.schema import Endpoint

Maker = Callable[[Endpoint], Provider]


class ProviderFactory:
    """Endpoint -> Provider. What differs between kinds is what their maker closes over."""

    def __init__(
        self,
        makers: Mapping[str, Maker],
        added: Callable[[], Mapping[str, Maker]] = dict,
        dress: Callable[[Provider, Endpoint], Provider] = lambda provider, _endpoint: provider,
    ) -> None:
        """`added` finds the kinds that packages add; `dress` puts the policies around."""
        self._makers = dict(makers)
        self._added = added
        self._dress = dress

    def make(self, endpoint: Endpoint) -> Provider:
        """The provider of an endpoint.

        Raises:
            UsageError: nobody knows its kind.
        """
        maker = self._makers.get(endpoint.kind)
        if maker is None:
            self._makers = {**self._added(), **self._makers}
            maker = self._makers.get(endpoint.kind)
        if maker is None:
            known = ", ".join(sorted(self._makers))
            raise UsageError(
                f"There is no provider of the kind “{endpoint.kind}”.", f"Known kinds: {known}."
            )
        return self._dress(maker(endpoint), endpoint)

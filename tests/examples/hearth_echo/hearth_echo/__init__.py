"""An example: a provider that repeats the question, as a package adds one to Hearth."""

from collections.abc import AsyncGenerator, Sequence

from app import schema


class EchoProvider:
    """Made from what the person set up: an address, a key and so on, where it needs them."""

    def __init__(self, endpoint: schema.Endpoint) -> None:
        self.title = endpoint.title or "Echo"
        self._name = endpoint.name

    async def list_models(self) -> Sequence[schema.ModelInfo]:
        ref = schema.ModelRef(self._name, "parrot")
        return [schema.ModelInfo(ref, "Parrot", provider=self.title)]

    async def stream(
        self, model: str, request: schema.Request
    ) -> AsyncGenerator[schema.Chunk, None]:
        text = request.messages[-1].text if request.raw is None else request.raw
        words = text.split()
        for place, word in enumerate(words):
            yield schema.Chunk(text=f" {word}" if place else word, tokens=1)
        usage = schema.Usage(len(words), 0, len(words), 0.0, 0.0, 0.0)
        yield schema.Chunk(finish=schema.Finish(schema.FinishReason.STOP, usage))

    async def count_tokens(self, model: str, request: schema.Request) -> schema.TokenCount:
        return schema.TokenCount(sum(len(message.text.split()) for message in request.messages))

    async def health(self) -> schema.Health:
        return schema.Health(works=True, version="1.0")

    async def aclose(self) -> None:
        """There is nothing to give back."""

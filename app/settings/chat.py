"""What a new chat begins with."""

from __future__ import annotations

from pydantic import Field

from app.schema import Sampling
from app.settings.section import Section


class ChatDefaults(Section):
    """What a new chat begins with; None for a number means llama.cpp's own default."""

    system_prompt: str = ""
    temperature: float = Field(default=Sampling().temperature, ge=0, le=5)
    top_k: int = Field(default=Sampling().top_k, ge=0)
    top_p: float = Field(default=Sampling().top_p, gt=0, le=1)
    min_p: float = Field(default=Sampling().min_p, ge=0, le=1)
    repeat_penalty: float = Field(default=Sampling().repeat_penalty, gt=0, le=2)
    seed: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] = ()

    def sampling(self) -> Sampling:
        """These defaults as a request takes them."""
        return Sampling(**self.model_dump(exclude={"system_prompt"}))

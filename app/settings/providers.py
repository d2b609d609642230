"""Servers and services that the person added; their keys are in the keyring."""

from __future__ import annotations

from pydantic import Field, field_validator

from app import secrecy
from app.schema import Endpoint, ModelRef
from app.settings.section import Section, plain_address


class ProviderSettings(Section):
    """A server that the person added; its key is in the keyring and never here."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")  # the provider's part of a reference
    kind: str
    url: str = ""  # none stands for the kind's usual address
    title: str = ""
    enabled: bool = True
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)
    models: tuple[str, ...] = ()  # in place of the server's own list
    default_model: str = ""
    verify: bool = True
    ca_file: str = ""
    proxy: str = ""
    connect_seconds: float = Field(default=5.0, gt=0)
    reply_seconds: float = Field(default=30.0, gt=0)
    silence_seconds: float = Field(default=300.0, gt=0)
    context: int = Field(default=0, ge=0)  # tokens; 0: as the server does by itself
    device: str = ""  # of a model in this process; none stands for the best there is
    requests_per_minute: int = Field(default=0, ge=0)  # 0: no limit
    tokens_per_minute: int = Field(default=0, ge=0)
    prompt_price: float = Field(default=0.0, ge=0)  # per million tokens, in the person's currency
    answer_price: float = Field(default=0.0, ge=0)

    @field_validator("headers", "query")
    @classmethod
    def _without_keys(cls, pairs: dict[str, str]) -> dict[str, str]:
        for name, value in pairs.items():
            if secrecy.is_secret(name, value):
                raise ValueError(f"{name} holds a key: give it as the provider's key instead")
        return pairs

    @field_validator("url", "proxy")
    @classmethod
    def _without_password(cls, url: str) -> str:
        return plain_address(url)

    def endpoint(self) -> Endpoint:
        """As the providers take it, without its key."""
        return Endpoint(
            name=self.name,
            kind=self.kind,
            url=self.url,
            title=self.title,
            headers=tuple(self.headers.items()),
            query=tuple(self.query.items()),
            models=self.models,
            verify=self.verify,
            ca_file=self.ca_file,
            proxy=self.proxy,
            connect_seconds=self.connect_seconds,
            reply_seconds=self.reply_seconds,
            silence_seconds=self.silence_seconds,
            context=self.context,
            device=self.device,
            default_model=self.default_model,
            is_enabled=self.enabled,
        )


class Providers(Section):
    """Where models may live beside this program's own files."""

    discover: bool = True  # look for servers on this computer by itself
    watch: bool = True  # and notice those that come and go
    stay_offline: bool = False  # reach no other computer
    configured: tuple[ProviderSettings, ...] = ()
    fallback: tuple[str, ...] = ()  # model references, asked in this order when one fails
    greeted: tuple[str, ...] = ()  # servers that were announced once

    def named(self, name: str) -> ProviderSettings | None:
        """What the person set for a provider."""
        return next((one for one in self.configured if one.name == name), None)

    def put(self, provider: ProviderSettings) -> None:
        """Adds a provider, in place of one of the same name."""
        rest = [one for one in self.configured if one.name != provider.name]
        self.configured = (*rest, provider)

    def remove(self, name: str) -> None:
        """Takes a provider away."""
        self.configured = tuple(one for one in self.configured if one.name != name)

    def chain(self) -> list[ModelRef]:
        """The models that step in, one after the other."""
        return [ref for text in self.fallback if (ref := ModelRef.parse(text)) is not None]

    def endpoints(self) -> list[Endpoint]:
        """What the person set up, in use or not."""
        return [one.endpoint() for one in self.configured]

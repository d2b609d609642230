"""What all parts of the settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from app import secrecy


class Section(BaseModel):
    """Checked when it is read and whenever a value is set; what is unknown is left out."""

    # What does not fit is not quoted: it may be a key in the wrong place.
    model_config = ConfigDict(extra="ignore", validate_assignment=True, hide_input_in_errors=True)


def plain_address(url: str) -> str:
    """The address, if nothing in it is secret; the settings file is no place for a password."""
    if found := secrecy.in_address(url):
        raise ValueError(f"the address holds {found}: leave it out, and give it as the key")
    return url

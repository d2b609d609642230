"""Which names of repositories and files may become paths on this disk. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from app.errors import BadReply
from app.library.stores import names

WORK_FOLDER = ".hearth-downloads"  # in the models folder: what has not come whole yet
LONGEST_PART = 200  # bytes; most file systems take 255, encrypted ones fewer
LONGEST_PATH = 400  # characters
DEEPEST = 10  # folders
FORBIDDEN = frozenset('<>:"|?*\\/')  # the union over all systems; a colon makes drives and streams
DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"]
)


def parts(repo: str, file: str) -> Sequence[str]:
    """The folders and the name below the models folder for a file of a repository.

    Raises:
        BadReply: one of them could leave the models folder, or is a name that not every system
            takes.
    """
    owner_and_name, inside = repo.split("/"), file.split("/")
    found = [*owner_and_name, *inside]
    is_sound = (
        len(owner_and_name) == 2
        and len(found) <= DEEPEST
        and len(repo) + len(file) < LONGEST_PATH
        and all(map(_is_sound, found))
        and not found[-1].lower().startswith(names.UNFINISHED)
    )
    if not is_sound:
        raise BadReply(
            f"The Hub calls a file “{_shown(f'{repo}/{file}')}”; a file of that name is not made.",
            "Choose another model, or another repository of this one.",
        )
    return found


def check_distinct(paths: Iterable[Sequence[str]]) -> None:
    """Raises BadReply where two files would become one on a disk that ignores upper case."""
    seen: set[str] = set()
    for path in paths:
        name = unicodedata.normalize("NFC", "/".join(path)).casefold()
        if name in seen:
            raise BadReply(
                f"The Hub lists “{_shown('/'.join(path))}” twice.",
                "Choose another model, or another repository of this one.",
            )
        seen.add(name)


def _is_sound(part: str) -> bool:
    stem = part.partition(".")[0].rstrip(" ").casefold()
    return (
        0 < len(part.encode("utf-8", "replace")) <= LONGEST_PART
        and part == part.strip(" ")
        and not part.endswith(".")  # also: . and ..
        and not names.is_left_out(part)  # it would come and never be seen
        and stem not in DEVICES
        and not any(sign in FORBIDDEN or _is_unseen(sign) for sign in part)
    )


def _is_unseen(sign: str) -> bool:
    """Control and format characters, halves of pairs, line separators."""
    category = unicodedata.category(sign)
    return category[0] == "C" or category in ("Zl", "Zp")


def _shown(text: str) -> str:
    made = "".join("\N{REPLACEMENT CHARACTER}" if _is_unseen(sign) else sign for sign in text)
    return made if len(made) <= 100 else f"{made[:100]}…"

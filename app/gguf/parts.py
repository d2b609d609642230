"""The parts of a model that is split over several files.

They are named as llama.cpp's gguf-split names them: model-00001-of-00003.gguf (llama.h,
llama_split_path).
"""

from __future__ import annotations

import re

from app.gguf.header import Header

_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
MOST_PARTS = 1000  # more are damage, and would cost time to look for


def weights_size(first: Header) -> int:
    """About the bytes of the weights of all parts that lie here; of one file, exactly its own.

    `first` is the header of the first part, the only one that is read.
    """
    named = _PART.fullmatch(first.path.name)
    count = first.integer("split.count")
    if named is None or count < 2 or int(named["count"]) != count or count > MOST_PARTS:
        return first.weights_size
    total = first.weights_size
    for number in range(1, count + 1):
        if number == int(named["number"]):
            continue
        part = first.path.with_name(f"{named['stem']}-{number:05}-of-{count:05}.gguf")
        try:
            total += part.stat().st_size
        except OSError:
            continue  # the load will say that it is missing
    return total

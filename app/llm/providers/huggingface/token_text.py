"""Turns tokens into text as they come, for any tokenizer. Pure: token ids in, text out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MARK = "�"  # what decoders put in place of an unfinished character
MOST_HELD = 32  # tokens without a whole character at their end; then they are no text


class TokenText:
    """Decodes each token together with those before it, since a tokenizer may need them.

    The text of one token alone can lack its space, and a character can be split over tokens. So
    what is new is the difference between two decoded texts, and it is held back while it ends in
    an unfinished character. Bytes that are no text at all are left out.
    """

    def __init__(self, decode: Callable[[list[int]], str], before: Sequence[int] = ()) -> None:
        """`before` are the tokens whose text goes on, where its spaces belong to the text."""
        self._decode = decode
        self._tokens = list(before)
        self._said = len(self._tokens)  # of the tokens, those whose text was given
        self._text = decode(self._tokens) if before else ""  # theirs

    def feed(self, token: int) -> str:
        """The text that is certain with this token."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        piece = text[len(self._text) :]
        if (not piece or text.endswith(MARK)) and len(self._tokens) - self._said < MOST_HELD:
            return ""
        self._tokens = self._tokens[self._said :]
        self._said = len(self._tokens)
        self._text = self._decode(self._tokens)
        return piece.replace(MARK, "")

    def end(self) -> str:
        """What was held back; an unfinished character is dropped."""
        piece = self._decode(self._tokens)[len(self._text) :] if self._tokens else ""
        self._tokens, self._said, self._text = [], 0, ""
        return piece.replace(MARK, "")

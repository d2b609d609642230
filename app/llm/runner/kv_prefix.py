"""Finds how much of a prompt is in the KV cache already. Pure.

A model's own answer seldom comes back from the tokenizer as the tokens that the model made: "ab"
may have been said as "a" + "b". Comparing bytes instead of tokens keeps such an answer in the
cache, so that the next turn processes only what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def reuse(
    cached: Sequence[int], prompt: Sequence[int], piece: Callable[[int], bytes]
) -> tuple[list[int], int]:
    """Rewrites `prompt` so that it begins with as much of `cached` as says the same bytes.

    Args:
        cached: the tokens in the KV cache.
        prompt: the tokens of the new prompt.
        piece: the bytes of a token, with special tokens written out.

    Returns:
        The prompt's tokens, of which the first `n` are those in the cache, and `n`.
    """
    in_cache = in_prompt = 0  # how many tokens of each are known to say the same
    cursor_cache = cursor_prompt = 0  # how many were looked at
    ahead = b""  # bytes that one side has said and the other has not yet
    cache_is_ahead = False
    while True:
        if not ahead:
            in_cache, in_prompt = cursor_cache, cursor_prompt
            # Tokens that are equal need no look at their bytes.
            while (
                in_cache < len(cached)
                and in_prompt < len(prompt)
                and cached[in_cache] == prompt[in_prompt]
            ):
                in_cache += 1
                in_prompt += 1
            cursor_cache, cursor_prompt = in_cache, in_prompt
        behind, at = (prompt, cursor_prompt) if cache_is_ahead else (cached, cursor_cache)
        if at == len(behind):
            break
        said = piece(behind[at])
        if cache_is_ahead:
            cursor_prompt += 1
        else:
            cursor_cache += 1
        shared = min(len(ahead), len(said))
        if not said or ahead[:shared] != said[:shared]:
            break
        if len(said) > len(ahead):
            ahead, cache_is_ahead = said[len(ahead) :], not cache_is_ahead
        else:
            ahead = ahead[shared:]
    return [*cached[:in_cache], *prompt[in_prompt:]], in_cache

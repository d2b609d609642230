"""What the model is told in each chat, and how it chooses its words."""

from __future__ import annotations

from app.ui.settings.rows import Number, Row, Text

TOLD, CHOSEN, ENDS = "What the model is told", "How words are chosen", "Where answers end"
LARGEST_SEED = 2**32 - 1  # llama.cpp's is of 32 bits
LARGEST_COUNT = 2**31 - 1

ROWS = (
    Row(
        "System prompt",
        "Stands before each chat, and tells the model who it is and how to answer.",
        Text("for instance: Answer briefly, in British English.", lines=5),
        path="chat.system_prompt",
        words="instructions persona character role",
        group=TOLD,
    ),
    Row(
        "Temperature",
        "How freely words are chosen, from 0 to 5: at 0 always the likeliest, and the higher, the "
        "more surprising.",
        Number(step=0.1),
        path="chat.temperature",
        words="creativity random sampling",
        group=CHOSEN,
    ),
    Row(
        "Top k",
        "Only so many of the likeliest words are chosen from, 0 or more; 0 stands for all.",
        Number(step=5, is_whole=True, most=LARGEST_COUNT),
        path="chat.top_k",
        words="sampling",
        group=CHOSEN,
    ),
    Row(
        "Top p",
        "Only the likeliest words are chosen from that together reach this share, above 0 and up "
        "to 1; 1 stands for all.",
        Number(step=0.05),
        path="chat.top_p",
        words="nucleus sampling",
        group=CHOSEN,
    ),
    Row(
        "Min p",
        "Words are left out that are less likely than this share of the likeliest one, from 0 "
        "to 1; 0 leaves none out.",
        Number(step=0.01),
        path="chat.min_p",
        words="minimum sampling",
        group=CHOSEN,
    ),
    Row(
        "Repeat penalty",
        "How much words are avoided that were just used, above 0 and up to 2; 1 stands for not at "
        "all.",
        Number(step=0.05),
        path="chat.repeat_penalty",
        words="repetition sampling",
        group=CHOSEN,
    ),
    Row(
        "Seed",
        "The same number, 0 or more, gives the same answer to the same chat.",
        Number(is_whole=True, most=LARGEST_SEED, empty=(None,), placeholder="a new one each time"),
        path="chat.seed",
        words="random reproducible sampling",
        group=CHOSEN,
    ),
    Row(
        "Longest answer",
        "An answer ends after so many tokens, 1 or more; a token is a word or a part of one.",
        Number(
            "tokens",
            step=64,
            is_whole=True,
            most=LARGEST_COUNT,
            empty=(None,),
            placeholder="as the model ends",
        ),
        path="chat.max_tokens",
        words="max tokens maximum length limit",
        group=ENDS,
    ),
    Row(
        "Stop words",
        "An answer ends before any of these texts, one in a line; \\n stands for the end of a "
        "line.",
        Text("none", lines=3, is_list=True),
        path="chat.stop",
        words="stop strings sequences",
        group=ENDS,
    ),
)

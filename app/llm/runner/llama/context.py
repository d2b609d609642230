"""Creates the context in which a model chats: its KV cache and its working memory."""

from __future__ import annotations

import llama_cpp.llama_cpp as llama

from app.errors import ModelTooLarge
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama import log
from app.llm.runner.llama.model import Model
from app.schema import LoadPlan

# The types that a KV cache may have; ggml.h, enum ggml_type. BF16 is not among the bindings.
CACHE_TYPES = {
    "f32": llama.GGML_TYPE_F32,
    "f16": llama.GGML_TYPE_F16,
    "bf16": 30,
    "q8_0": llama.GGML_TYPE_Q8_0,
    "q5_1": llama.GGML_TYPE_Q5_1,
    "q5_0": llama.GGML_TYPE_Q5_0,
    "q4_1": llama.GGML_TYPE_Q4_1,
    "q4_0": llama.GGML_TYPE_Q4_0,
    "iq4_nl": llama.GGML_TYPE_IQ4_NL,
}


def create(model: Model, plan: LoadPlan, abort: AbortFlag) -> llama.llama_context_p:
    """A context as the plan has it; the abort flag ends what it computes. The caller frees it.

    Raises:
        ModelTooLarge: there is not enough memory for it.
    """
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = plan.n_ctx
    parameters.n_batch = min(plan.n_batch, plan.n_ctx)
    parameters.n_ubatch = min(plan.n_ubatch, plan.n_ctx)
    parameters.n_threads = plan.n_threads
    parameters.n_threads_batch = plan.n_threads_batch
    parameters.n_outputs_max = 1  # logits of one token at a time: saves the buffer for the rest
    parameters.type_k = CACHE_TYPES[plan.type_k]
    parameters.type_v = CACHE_TYPES[plan.type_v]
    parameters.flash_attn_type = (
        llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if plan.flash_attention
        else llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    with log.captured() as lines:
        context = llama.llama_init_from_model(model.handle, parameters)
    if context is None:
        raise ModelTooLarge(
            f"There is not enough free memory for a context of {plan.n_ctx:,} tokens.",
            "Close other programs, or choose a smaller model.",
            "\n".join(lines),
        )
    llama.llama_set_abort_callback(context, abort.callback, abort.data)
    return context

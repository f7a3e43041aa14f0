"""ChatGLM and ChatGLM2 as downloaded: checkpoint files, tokenizers, the network and its LoRA.

No method stands here; the language models use it.
"""

__all__ = [
    "chatglm1_model",
    "chatglm2_lora",
    "chatglm2_weights",
    "checkpoint_files",
    "plain_pieces",
    "tokenizers",
]

"""ChatGLM and ChatGLM2 as downloaded: checkpoint files, tokenizers, the network and its LoRA.

No method stands here; the language models use it.
"""

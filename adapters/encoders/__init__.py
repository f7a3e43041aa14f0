"""Methods that stand on an encoder such as BERT.

It embeds texts, classifies them or marks tokens.
"""

__all__ = ["attention", "embeddings", "english", "masked", "onnx_encoder"]

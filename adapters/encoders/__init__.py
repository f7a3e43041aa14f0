"""Methods that stand on an encoder such as BERT.

It embeds texts, classifies them or marks tokens.
"""

__all__ = ["attention", "embeddings", "encoder_folder", "english", "masked", "onnx_encoder"]

"""Classifiers of counted words and of embeddings by scikit-learn.

What they learn is kept in files without pickle.
"""

__all__ = ["files", "text_classifiers"]

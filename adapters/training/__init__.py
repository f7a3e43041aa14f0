"""What methods that learn by gradient or from labels share.

Labelled documents, the loop and its checkpoint.
"""

__all__ = ["allocator", "checkpoint", "document_count", "labelled", "loop", "one_line"]

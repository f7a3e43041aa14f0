"""For somebody who writes a suite or a method.

Templates of both and the conformance tests.
"""

__all__ = ["checking", "conformance", "scaffold_method", "scaffold_suite"]

"""A module with a method that cannot be imported."""

raise RuntimeError("this module is broken")

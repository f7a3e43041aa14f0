"""The command line: verbs only. Each parses its arguments, calls one function and prints."""

from readbench.cli.main import main

__all__ = ["main"]

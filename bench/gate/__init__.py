"""Decides whether a change may pass.

Thresholds, verdicts, a kept baseline and runs of another revision.
"""

"""Decides whether a change may pass.

Thresholds, verdicts, a kept baseline and runs of another revision.
"""

__all__ = [
    "baseline",
    "bounds",
    "policy",
    "policy_verdicts",
    "speed_gate",
    "speed_rounds",
    "thresholds",
    "verdicts",
]

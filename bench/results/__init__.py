"""Where results live and how they are read again: records, manifests, scores and the leaderboard.

Nothing here runs a method.
"""

__all__ = [
    "cost_table",
    "estimates",
    "housekeeping",
    "leaderboard",
    "leases",
    "manifest",
    "places",
    "record",
    "samples",
    "score_files",
    "statistics_file",
    "store",
    "tables",
]

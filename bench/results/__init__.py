"""Where results live and how they are read again: records, manifests, scores and the leaderboard.

Nothing here runs a method.
"""

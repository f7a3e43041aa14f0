"""From a suite file, or a bare dataset, to the cells of a run with their keys.

Nothing is measured here.
"""

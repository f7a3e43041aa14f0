"""Where results lie where nobody says otherwise. Imports nothing, so that the command line starts at once."""

from pathlib import Path

RESULTS = Path("results")
"""The results folder."""

BASELINES = RESULTS / "baselines"
"""The folder with a folder a baseline."""

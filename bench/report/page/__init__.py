"""A run as one HTML file that people open, and its charts as files.

The file needs no network, no server and, but for what is chosen and searched, no script.
"""

from readbench.report.page.build import build_page, render_board
from readbench.report.page.contents import read_contents
from readbench.report.page.plots import converts, write_plots

__all__ = ["build_page", "converts", "read_contents", "render_board", "write_plots"]

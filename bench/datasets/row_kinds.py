"""The readers of files of rows that are neither CSV nor JSON Lines, in the order in which they are asked."""

from __future__ import annotations

from readbench.datasets.citation_reader import BIBTEX, NBIB, RIS, WEB_OF_SCIENCE
from readbench.datasets.excel_reader import EXCEL
from readbench.datasets.json_array_reader import JSON_ARRAY
from readbench.datasets.parquet_reader import PARQUET
from readbench.datasets.row_reader import RowReader

ROW_READERS: tuple[RowReader, ...] = (PARQUET, EXCEL, RIS, BIBTEX, NBIB, WEB_OF_SCIENCE, JSON_ARRAY)

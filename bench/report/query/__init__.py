"""SQL over a results folder: its views, and what may be asked of them."""

"""Shows results: in the terminal, as markup, for other tools.

Nothing is computed anew.
"""

"""``python -m readbench``: the same program as the console script."""

from readbench.cli import main

if __name__ == "__main__":
    main()

"""A run, its board and the best method from Python. Run it with: python examples/from_python.py"""

from __future__ import annotations

from pathlib import Path

import readbench as bench

HERE = Path(__file__).parent


def main() -> None:
    frame = bench.run(str(HERE / "my_suite.toml"), include_paths=[HERE / "my_method.py"])
    columns = ["method", "rank_best", "rank_worst", "f1@10", "f1@10.low", "f1@10.high"]
    print(frame[columns].to_string(index=False))
    best = frame.sort_values("f1@10", ascending=False).iloc[0]
    print(f"{best['method']} has the highest F1@10; the run lies in {frame.attrs['run']}")


if __name__ == "__main__":
    main()

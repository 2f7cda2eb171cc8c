"""`airflow ARGUMENTS` with a garbage collector that lets it start.

Importing Airflow's API makes millions of objects that stay for ever; with Python's
usual thresholds a third of the start-up is spent looking for garbage among them.
"""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run Airflow's own command line in this process."""
    gc.set_threshold(100_000, 50, 100)
    from airflow.__main__ import main as airflow

    sys.argv[0] = "airflow"
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

"""Runs many programs at once and says of each how it ended: status, output, errors."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 4


def main(orders: list[dict[str, Any]]) -> None:
    """Run what is ordered: words, stdin, environment and seconds of each."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        print(json.dumps(list(pool.map(run, orders))))


def run(order: dict[str, Any]) -> tuple[int, str, str]:
    """One program; 124 where it did not end in time, 127 where there is none."""
    try:
        done = subprocess.run(
            order["words"],
            input=order["stdin"],
            env=os.environ | order["environment"],
            cwd="/",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=order["seconds"],
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"it did not end within {order['seconds']} s"
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout, done.stderr

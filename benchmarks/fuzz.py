"""Hostile files and servers of new seeds: how many are refused, and what else happens.

python benchmarks/fuzz.py [--minutes=10] [--seed=N] [--kind=hostile_runs ...]

Takes the kinds of cases of `tests/hostile` in turns, each time with a new seed, until
the time is over, and counts what becomes of them: processes that crash, hang (a minute
of computing, or five of waiting) or take a GiB of memory beyond that of their imports,
errors that are not one line which says what was received, and wrong content that is
accepted. Shows each with the seed and kind that make it again (--seed=N --kind=K does
that one round). Exits with 1 if there was any. Runs the installed package.
"""

from __future__ import annotations

import argparse
import importlib
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "tests" / each) for each in ("hostile", "references")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import kinds  # noqa: E402
import limits  # noqa: E402

_JUDGMENTS = (limits.RIGHT, limits.REFUSED, *limits.FAULTS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, help="of one round")
    parser.add_argument("--kind", action="append", choices=[*kinds.COUNTS])
    given = parser.parse_args()
    end = time.monotonic() + 60 * given.minutes
    totals = {name: dict.fromkeys(_JUDGMENTS, 0) for name in given.kind or kinds.COUNTS}
    while True:
        for name, total in totals.items():
            if time.monotonic() >= end and total[limits.REFUSED]:
                continue  # each kind once, however short the time
            seed = secrets.randbits(32) if given.seed is None else given.seed
            for judgment, count in _round(name, seed).items():
                total[judgment] += count
        if time.monotonic() >= end or given.seed is not None:
            break
    _show(totals)
    return int(any(total[each] for total in totals.values() for each in limits.FAULTS))


def _round(name: str, seed: int) -> dict[str, int]:
    kind = importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        counts, wrong = limits.faults(kind, Path(folder), seed, kinds.COUNTS[name])
        for argument, outcome in wrong:
            said = repr(outcome.result or outcome.message)[:300]
            print(f"{outcome.judged}: --kind={name} --seed={seed}: {argument!r:.300}")
            print(f"    {outcome.error} {said}, {outcome.beyond >> 20} MiB", flush=True)
    return counts


def _show(totals: dict[str, dict[str, int]]) -> None:
    rows = [("kind", "cases", *_JUDGMENTS)]
    for name, counts in totals.items():
        values = [counts[each] for each in _JUDGMENTS]
        rows.append((name, str(sum(values)), *map(str, values)))
    sums = [sum(counts[each] for counts in totals.values()) for each in _JUDGMENTS]
    rows.append(("all", str(sum(sums)), *map(str, sums)))
    print("\n".join(f"| {' | '.join(row)} |" for row in rows))


if __name__ == "__main__":
    sys.exit(main())

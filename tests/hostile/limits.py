"""Runs hostile cases in processes with limits, and judges what became of each.

A kind of cases is a module `hostile_…` of this folder with

- `CASE`, the source of a function `case(argument)`: it raises what the package raises,
  returns None if what was read is right in spite of all, and else a text that says what
  wrong content was accepted;
- `cases(folder, rng, count)`, which writes what they need into an empty folder and
  returns the arguments, JSON values: the same ones for a generator of the same seed.

The tests take few cases of a fixed seed, `benchmarks/fuzz.py` many of new ones.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

SECONDS = 60  # of computing, and five times as long for one that waits
BEYOND = 2**30  # bytes of memory that a case may take beyond those of its imports
LONGEST = 3000  # characters of a message, which may name several paths
# What may become of a case: the first two are as it should be.
RIGHT, REFUSED = "right", "refused"
FAULTS = ("crash", "hang", "memory", "traceback", "accepted")

# Cases run in forks of a process that has imported everything and computed nothing, so
# many in one fork; after one that ends its process the next are in another. A line that
# it reads is a question, and `null` ends its answer.
_DRIVER = """
import json, os, resource, signal, sys

def outcome(argument, names):
    try:
        return {"result": names["case"](argument)}
    except BaseException as error:
        kinds = [each.__name__ for each in type(error).__mro__]
        ours = [each for each in kinds if each in ("ValueError", "OSError")]
        return {"error": [*ours, *kinds][0], "message": str(error)}

def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def work(some, names, seconds, pipe):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a case prints is not ours
    # Threads of TensorFlow reserve far more than they use.
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + 2**33,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    before = peak()
    for argument in some:
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
        signal.alarm(5 * seconds)
        found = outcome(argument, names)
        print(json.dumps({**found, "beyond": peak() - before}), file=pipe, flush=True)

def answer(code, arguments, seconds, together):
    names = {}
    exec(code, names)
    done = 0
    while done < len(arguments):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            with open(writer, "w") as pipe:
                work(arguments[done : done + together], names, seconds, pipe)
            os._exit(0)
        os.close(writer)
        with open(reader) as pipe:
            for line in pipe:
                print(line, end="")
                done += 1
        _, status, usage = os.wait4(child, 0)
        if status:
            print(json.dumps({"status": status, "beyond": usage.ru_maxrss * 1024}))
            done += 1
    print("null", flush=True)

for line in sys.stdin:
    answer(*json.loads(line))
"""
_LATE = (signal.SIGALRM, signal.SIGXCPU)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a case: a result, or an error and its message."""

    beyond: int
    result: Any = None
    error: str | None = None
    message: str = ""
    status: int = 0

    def is_one_line(self, *words: str) -> bool:
        """Whether it is our own ValueError, of one line with these words."""
        line = self.message.isprintable() and "Traceback" not in self.message
        fault = self.error == "ValueError" and "Received: " in self.message
        short = len(self.message) <= LONGEST
        return fault and line and short and all(word in self.message for word in words)

    @property
    def judged(self) -> str:
        """One of `RIGHT`, `REFUSED` and `FAULTS`."""
        if self.status:
            return (
                "hang" if -os.waitstatus_to_exitcode(self.status) in _LATE else "crash"
            )
        if self.beyond >= BEYOND or self.error == "MemoryError":
            return "memory"
        if self.error is not None:
            # Python's own for a path, which it names.
            of_system = self.error == "OSError" and self.message.isprintable()
            return REFUSED if of_system or self.is_one_line() else "traceback"
        return RIGHT if self.result is None else "accepted"


class _Driver:
    """The process of which cases are forks; to import the package takes seconds."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _DRIVER],
            cwd=tempfile.gettempdir(),  # in a checkout its package would be taken
            env={**os.environ, "MALLOC_ARENA_MAX": "2", "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._process.communicate)

    def ask(self, *question: Any) -> Iterator[Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            found = json.loads(line)
            if found is None:
                return
            yield found
        raise RuntimeError("the process of the cases has ended; it said why")


@functools.cache
def _driver() -> _Driver:
    return _Driver()


def outcomes(code: str, arguments: Sequence[Any], together: int) -> list[Outcome]:
    """What becomes of `case(argument)` of some code for each argument.

    Args:
        code: Its source.
        arguments: JSON values.
        together: How many cases a process does after each other.
    """
    asked = _driver().ask(code, list(arguments), SECONDS, together)
    found = [Outcome(**each) for each in asked]
    assert len(found) == len(arguments)
    return found


def faults(
    kind: ModuleType, folder: Path, seed: int, count: int
) -> tuple[dict[str, int], list[tuple[Any, Outcome]]]:
    """Makes cases of a kind, runs them, and judges them.

    Returns:
        How many there are of each judgment, and those of `FAULTS`, each with its
        argument.
    """
    arguments = kind.cases(folder, random.Random(seed), count)
    counts: dict[str, int] = {}
    wrong = []
    found = outcomes(kind.CASE, arguments, together=50)
    for argument, outcome in zip(arguments, found, strict=True):
        counts[outcome.judged] = counts.get(outcome.judged, 0) + 1
        if outcome.judged in FAULTS:
            wrong.append((argument, outcome))
    return counts, wrong

"""Cases that could hang, abort or fill the memory run in processes with limits."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

_SECONDS = 60  # of computing, and five times as long for one that waits
_BEYOND = 2**30  # bytes of memory that a case may take beyond those of its imports

# Each case is a fork of a process that has imported everything and computed nothing.
_DRIVER = """
import json, os, resource, signal, sys
code, arguments, seconds = json.loads(sys.stdin.read())
names = {}
exec(code, names)

def outcome(argument):
    try:
        return {"result": names["case"](argument)}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}

def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

for argument in arguments:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        # Threads of TensorFlow reserve far more than they use.
        resource.setrlimit(resource.RLIMIT_AS, (address_space() + 2**33,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        signal.alarm(5 * seconds)
        with open(writer, "w") as pipe:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=pipe)
            pipe.flush()
            json.dump(outcome(argument), pipe)
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        before, text = int(pipe.readline()), pipe.read()
    _, status, usage = os.wait4(child, 0)
    found = json.loads(text) if status == 0 else {"status": status}
    found["beyond"] = (usage.ru_maxrss - before) * 1024
    print(json.dumps(found))
"""


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
        line = "\n" not in self.message and "Traceback" not in self.message
        fault = self.error == "ValueError" and "Received: " in self.message
        return fault and line and all(word in self.message for word in words)


Limited = Callable[[str, Sequence[Any]], list[Outcome]]


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Limited:
    """Calls `case(argument)` of some code for each argument, in a process of its own.

    It asserts that none was killed, ran out of time, or took a GiB of memory.
    """

    elsewhere = tmp_path_factory.mktemp("elsewhere")  # not the checkout's package

    def call(code: str, arguments: Sequence[Any]) -> list[Outcome]:
        done = subprocess.run(
            [sys.executable, "-c", _DRIVER],
            cwd=elsewhere,
            input=json.dumps([code, list(arguments), _SECONDS]),
            env={**os.environ, "MALLOC_ARENA_MAX": "2", "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = [Outcome(**json.loads(line)) for line in done.stdout.splitlines()]
        for argument, outcome in zip(arguments, found, strict=True):
            assert outcome.status == 0, (argument, done.stderr[-1000:])
            assert outcome.beyond < _BEYOND, argument
        return found

    return call

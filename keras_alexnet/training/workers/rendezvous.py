"""Workers wait for each other before TensorFlow starts, and compare their settings.

TensorFlow itself waits for the others for an hour, and holds Python's lock while it
waits: neither Ctrl-C nor a thread could end that (`TFE_EnableCollectiveOps`, 2.15 and
2.21). So the first worker listens on its own port before TensorFlow does; the others
connect to it, send their index and their settings, and receive a verdict: an error
message, or an empty text.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

from keras_alexnet import json_schema
from keras_alexnet.json_schema import COUNT
from keras_alexnet.reasons import outside
from keras_alexnet.training.workers.environment import Workers

_LONGEST = 2000  # characters of a verdict
_AGAIN = 0.2  # seconds until the next attempt to reach the first worker


@dataclasses.dataclass(frozen=True)
class _Sent:
    """What a worker sends when it connects."""

    index: COUNT
    must_match: dict[str, str]


class _Guest(NamedTuple):
    """A worker that has connected."""

    must_match: dict[str, str]
    writer: asyncio.StreamWriter


def rendezvous(workers: Workers, must_match: Mapping[str, str], seconds: float) -> None:
    """Waits until all workers have connected.

    Args:
        workers: All of them; each calls this at its start, on its own machine.
        must_match: Settings that must be the same for all, by name.
        seconds: How long to wait.

    Raises:
        ValueError: If workers are missing after that time, have other settings, or the
            port of this one is not free. All that have connected raise the same.

    Example:

    >>> workers = Workers(("a:2222", "b:2222"), 0)
    >>> rendezvous(workers, {"seed": "0"}, 600)  # doctest: +SKIP
    """
    with _listening(workers) as server:
        if workers.own == 0:
            verdict = asyncio.run(_receive(server, workers, dict(must_match), seconds))
        else:
            verdict = asyncio.run(_call(workers, dict(must_match), seconds))
    if verdict:
        raise ValueError(verdict)


def _listening(workers: Workers) -> socket.socket:
    # Workers that only connect open their port too: TensorFlow will need it.
    own = workers.addresses[workers.own]
    try:
        return socket.create_server(("", int(own.rpartition(":")[2])))
    except OSError as error:
        raise ValueError(
            "the port of a worker must be free on its machine; each worker needs an "
            f"index of its own. Received: {own!r} for worker {workers.own} "
            f"({error.strerror})"
        ) from error


async def _receive(
    server: socket.socket, workers: Workers, must_match: dict[str, str], seconds: float
) -> str:
    """The first worker's part; returns the verdict."""
    guests: dict[int, _Guest] = {}
    visits: dict[asyncio.Task | None, asyncio.StreamWriter] = {}
    complete = asyncio.Event()

    async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits[asyncio.current_task()] = writer
        # Anything else that connects to the port gets no answer.
        with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
            sent = json_schema.loaded(await reader.readline())
            if json_schema.fault(sent, _Sent) is not None:
                raise ValueError("no worker")
            guest = guests[sent["index"]] = _Guest(sent["must_match"], writer)
            if len(guests) == len(workers.addresses) - 1:
                complete.set()
            await reader.read()  # until it has the verdict, or is gone
            if guests.get(sent["index"]) is guest and not complete.is_set():
                del guests[sent["index"]]
        writer.close()

    async with await asyncio.start_server(admit, sock=server):
        if len(workers.addresses) == 1:
            return ""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(complete.wait(), seconds)
        verdict = _missing(workers, guests, seconds) or _difference(must_match, guests)
        for guest in guests.values():
            guest.writer.write(json.dumps({"verdict": verdict}).encode() + b"\n")
            with contextlib.suppress(OSError):
                await guest.writer.drain()
        for writer in visits.values():
            writer.close()
        await asyncio.gather(*filter(None, visits), return_exceptions=True)
    return verdict


def _missing(workers: Workers, guests: Mapping[int, _Guest], seconds: float) -> str:
    missing = [
        f"worker {index} ({address})"
        for index, address in enumerate(workers.addresses)
        if index and index not in guests
    ]
    if not missing:
        return ""
    return (
        f"all workers must be started within {seconds:g} s of each other. Received: "
        f"nothing from {', '.join(missing)}"
    )


def _difference(must_match: Mapping[str, str], guests: Mapping[int, _Guest]) -> str:
    for index, guest in sorted(guests.items()):
        for name in sorted({*must_match, *guest.must_match}):
            ours, theirs = must_match.get(name), guest.must_match.get(name)
            if ours != theirs:
                return (
                    "all workers must be started alike. Received: "
                    f"{outside(name)}={outside(theirs)} on worker {index}, "
                    f"{outside(name)}={ours} on worker 0"
                )
    return ""


async def _call(workers: Workers, must_match: dict[str, str], seconds: float) -> str:
    """The other workers' part; returns the verdict."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # A host name that is not known yet is an OSError too. The first worker may have
        # started last, and then waits as long again for others.
        with contextlib.suppress(
            OSError, ValueError, KeyError, TypeError, asyncio.TimeoutError
        ):
            return await asyncio.wait_for(_verdict(workers, must_match), 2 * seconds)
        await asyncio.sleep(_AGAIN)
    return (
        f"all workers must be started within {seconds:g} s of each other. Received: "
        f"nothing from worker 0 ({workers.addresses[0]})"
    )


async def _verdict(workers: Workers, must_match: dict[str, str]) -> str:
    """The verdict of the first worker, if it can be reached."""
    host, _, port = workers.addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        sent = {"index": workers.own, "must_match": must_match}
        writer.write(json.dumps(sent).encode() + b"\n")
        return outside(json_schema.loaded(await reader.readline())["verdict"], _LONGEST)
    finally:
        writer.close()

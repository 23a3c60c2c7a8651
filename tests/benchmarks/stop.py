"""How soon everything has ended after a stop, beyond the last call that was running."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from tests.benchmarks import cells, peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.harness import ROOT
from tests.benchmarks.timing import numbers

CLONES = 4
CALL = 0.050
TAKEN = 20
PATIENCE = 20.0

ends: list[float] = []


def call(x: int) -> int:
    """Take 50 ms, and note when it ends."""
    time.sleep(CALL)
    ends.append(time.monotonic())
    return x


def pipeline() -> cells.Scaled:
    return cells.Scaled(cells.Numbers(10**9), cells.Apply(call), CLONES)


def beyond(stopped: float) -> Measurement:
    """Wait until this is the only thread; return the seconds since the stop or the last call's end.

    A thread that outlives the patience counts with all of it.
    """
    deadline = time.monotonic() + PATIENCE
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
    return {"value": time.monotonic() - max(stopped, *ends)}


def after_stop() -> Measurement:
    run = pipeline().run()
    for _ in islice(run, TAKEN):
        pass
    stopped = time.monotonic()
    run.stop()
    return beyond(stopped)


def after_break() -> Measurement:
    with pipeline().run() as run:
        for _ in islice(run, TAKEN):
            pass
        stopped = time.monotonic()
    return beyond(stopped)


def after_error() -> Measurement:
    """The loop over the results raises."""
    stopped = 0.0
    try:
        with pipeline().run() as run:
            for number, _ in enumerate(run):
                if number == TAKEN:
                    stopped = time.monotonic()
                    raise InterruptedError
    except InterruptedError:
        return beyond(stopped)
    raise RuntimeError("the error did not come out of the loop.")


def after_drop() -> Measurement:
    """The last reference to the run goes away."""
    run = pipeline().run()
    for _ in islice(run, TAKEN):
        pass
    stopped = time.monotonic()
    del run
    return beyond(stopped)


# Ctrl-C: a child process loops over a stream until it gets a real SIGINT.


def loop_for_ever(name: str) -> None:
    """Run a stream in the child: say when it runs, and at the end when its last call ended."""
    try:
        for number, _ in enumerate(STREAMS[name]()):
            if number == TAKEN:
                print("running", flush=True)
    except ModuleNotFoundError as error:
        print(error, end="", flush=True)
    except KeyboardInterrupt:
        print(max(ends), flush=True)


def torchpipe() -> Iterator[Any]:
    return cells.stream(pipeline())


def executor() -> Iterator[Any]:
    return peers.executor(numbers(10**9), call, CLONES, window=32)


def torchdata() -> Iterator[Any]:
    return peers.torchdata(numbers(10**9), call, CLONES)


def spdl() -> Iterator[Any]:
    return peers.spdl(numbers(10**9), [call], CLONES, window=32)


STREAMS = {stream.__name__: stream for stream in (torchpipe, executor, torchdata, spdl)}


def after_interrupt(name: str) -> Measure:
    """Send SIGINT to a looping child and wait for the end of its process."""

    def measure() -> Measurement:
        code = (  # a shell lets its background jobs ignore SIGINT, and what they start with them
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            f"from tests.benchmarks import stop; stop.loop_for_ever({name!r})"
        )
        command = [sys.executable, "-W", "ignore", "-c", code]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            return interrupted(child)

    return measure


def interrupted(child: subprocess.Popen[str]) -> Measurement:
    """Interrupt the child when it is running; kill it if it does not end."""
    assert child.stdout is not None
    if (line := child.stdout.readline()) != "running\n":
        raise ModuleNotFoundError(line) if line else RuntimeError("the child ended too early")
    killer = threading.Timer(PATIENCE, child.kill)
    killer.start()
    stopped = time.monotonic()
    child.send_signal(signal.SIGINT)
    last = float(child.stdout.readline() or 0.0)
    child.wait()
    ended = time.monotonic()
    killer.cancel()
    return {"value": ended - max(stopped, last)}


def after_peer_dropped(stream: Callable[[], Iterator[Any]]) -> Measure:
    """Leave another library's stream, and drop it."""

    def measure() -> Measurement:
        iterator = stream()
        for _ in islice(iterator, TAKEN):
            pass
        stopped = time.monotonic()
        del iterator
        return beyond(stopped)

    return measure


OURS = {
    "torchpipe, stop": after_stop,
    "torchpipe, break": after_break,
    "torchpipe, error": after_error,
    "torchpipe, dropped": after_drop,
    "torchpipe, Ctrl-C": after_interrupt("torchpipe"),
}
PEERS = {
    "executor, dropped": after_peer_dropped(executor),
    "spdl, dropped": after_peer_dropped(spdl),
    "executor, Ctrl-C": after_interrupt("executor"),
    "torchdata, Ctrl-C": after_interrupt("torchdata"),
    "spdl, Ctrl-C": after_interrupt("spdl"),
}

STOP = Benchmark(
    name="stop",
    title=f"until everything has ended, beyond the last call ({CLONES} clones, calls of 50 ms)",
    unit="seconds",
    contenders=OURS | PEERS,
    asked=tuple(Asked(contender, "at most", 1.0) for contender in OURS),
    ours="torchpipe, break",
)

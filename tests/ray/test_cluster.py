"""Which cluster is used, and who stops it: each in a fresh interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

import torchpipe as tp
from tests.ray.made import Function, Same

START = """
import faulthandler, ray, torchpipe as tp
faulthandler.dump_traceback_later(90)  # where it hangs, if it does
from tests.ray.made import Function, Same
small = dict(num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20)
"""


def told(script: str, **environment: str) -> str:
    """What a script prints."""
    mark = f"TORCHPIPE_TEST_SCRIPT={uuid4()}"
    name, _, value = mark.partition("=")
    try:
        done = subprocess.run(
            [sys.executable, "-c", START + textwrap.dedent(script)],
            env={**os.environ, **environment, name: value},
            capture_output=True,
            text=True,
            timeout=100,
        )
    finally:
        end_all(mark)  # a simulated node that is lost leaves agents behind
    assert done.returncode == 0, done.stderr
    return done.stdout


def end_all(mark: str) -> None:
    """End all processes that have this mark in their environment: those of one script."""
    for pid in marked(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """The processes that have this mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def test_without_a_cluster_there_is_one_of_our_own_as_long_as_it_is_needed():
    assert (
        told("""
        with Function(Same(), [tp.RayClone()]).run() as run:
            print(run(1), ray.is_initialized())
            with Function(Same(), [tp.RayClone()]).run(ray_address="local") as other:
                print(other(2))
            run.scale("cell", [tp.ThreadClone()])
            print(run(3))
        print(ray.is_initialized())
    """)
        == "1 True\n2\n3\nFalse\n"
    )


def test_a_cluster_that_is_there_stays():
    assert (
        told("""
        ray.init(address="local", **small)
        with Function(Same(), [tp.RayClone()]).run() as run:
            print(run(1))
        print(ray.is_initialized())
        ray.shutdown()
    """)
        == "1\nTrue\n"
    )


def test_what_the_program_does_on_sigterm_stays():
    assert (
        told("""
        import os, signal
        signal.signal(signal.SIGTERM, lambda *_: print("asked to end"))
        with Function(Same(), [tp.RayClone()]).run() as run:
            print(run(1))
            os.kill(os.getpid(), signal.SIGTERM)
            print(run(2))
    """)
        == "1\nasked to end\n2\n"
    )


REFUSED = """
try:
    Function(Same(), [tp.RayClone()]).run()
except tp.errors.ClusterError as error:
    print(error)
"""


JOIN = f"""
import os, subprocess, sys
from ray.cluster_utils import Cluster
head = dict(num_cpus=2, resources={{"here": 1}}, include_dashboard=False)
cluster = Cluster(initialize_head=True, head_node_args=head)
pipeline = Function(Same(), [tp.RayClone(resources={{"here": 1}})])
for environment, argument in (("127.0.0.1:1", cluster.address), (cluster.address, None)):
    os.environ["RAY_ADDRESS"] = environment
    with pipeline.run(ray_address=argument) as run:
        print(run(1))
    print(ray.is_initialized())
without = os.environ | {{"RAY_AUTH_MODE": "disabled", "RAY_NUM_REDIS_GET_RETRIES": "1"}}
subprocess.run([sys.executable, "-c", {START + REFUSED!r}], env=without)
ray.init(address=cluster.address)
print(ray.cluster_resources()["here"], cluster.address)
ray.shutdown()
cluster.shutdown()
"""


def test_a_cluster_at_an_address_is_joined_and_left():
    text = told(
        JOIN,
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN="a" * 64,
        PYTHONUNBUFFERED="1",
    )
    *lines, refusal, last = text.splitlines()
    resource, address = last.split()
    assert (lines, resource) == (["1", "False", "1", "False"], "1.0")
    assert refusal == (
        f"cannot join the Ray cluster at {address}: ConnectionError: Failed to connect to Ray "
        f"cluster at {address}. If it was started with a token, set RAY_AUTH_MODE=token here too, "
        f"with the same ~/.ray/auth_token; else see that it is a Ray cluster, of the same version."
    )


def test_an_address_where_nothing_answers_is_an_error_at_once():
    assert told("""
        for address in ("127.0.0.1:1", "somewhere"):
            try:
                Function(Same(), [tp.ThreadClone(), tp.RayClone()]).run(ray_address=address)
            except tp.errors.ClusterError as error:
                print(error)
    """).splitlines() == [
        "cannot join the Ray cluster at 127.0.0.1:1: nothing answers there ([Errno 111] Connection "
        "refused). Start one with `ray start --head`, or name the address of one that is there; "
        "with no address, a local one is started.",
        "cannot join the Ray cluster at somewhere: ValueError: Invalid address format: somewhere. "
        "Start one with `ray start --head`, or name the address of one that is there; with no "
        "address, a local one is started.",
    ]


def test_without_clones_elsewhere_an_address_joins_nothing():
    assert (
        told("""
        with Function(Same(), 2).run(ray_address="127.0.0.1:1") as run:
            print(run(1), ray.is_initialized())
    """)
        == "1 False\n"
    )


@pytest.fixture
def address(cluster: None) -> str:
    """Where the cluster is that this process is in."""
    import ray

    return ray.get_runtime_context().gcs_address


def test_a_process_can_be_in_one_cluster_only(address):
    pipeline = Function(Same(), [tp.RayClone(num_cpus=0.1)])
    why = (
        f"this process is in the cluster at {address}, and it can be in one only. Name the same "
        f"address, or none, or end what runs there first."
    )
    for other, what in [
        ("10.0.0.1:6379", "join Ray at 10.0.0.1:6379"),
        ("local", "start a local Ray cluster"),
    ]:
        with pytest.raises(tp.errors.ClusterError) as caught:
            pipeline.run(ray_address=other)
        assert str(caught.value) == f"cannot {what}: {why}"


@pytest.mark.parametrize("name", ["{}", "auto", "localhost:{port}"])
def test_the_cluster_that_a_process_is_in_has_several_names(address, name):
    same = name.format(address, port=address.rpartition(":")[2])
    with Function(Same(), [tp.RayClone(num_cpus=0.1)]).run(ray_address=same) as run:
        assert run(1) == 1


def test_without_the_extra_an_error_says_what_to_install():
    assert told("""
        import sys
        sys.modules["ray"] = None
        try:
            Function(Same(), [tp.RayClone()]).run()
        except tp.errors.ClusterError as error:
            print(error)
    """) == (
        "cannot run a tp.RayClone: ray is not installed. Install the extra `ray`: from a checkout, "
        "pip install --editable '.[ray]'.\n"
    )


QUICK = """
        from ray.cluster_utils import Cluster
        quick = {f"health_check_{name}": value for name, value in [
            ("failure_threshold", 3), ("period_ms", 300), ("initial_delay_ms", 0),
            ("timeout_ms", 20_000),  # one that is gone refuses at once; one that is busy answers
        ]}
"""


def test_a_node_that_is_lost_takes_nothing_with_it():
    text = told(
        QUICK
        + """
        head = dict(num_cpus=1, include_dashboard=False, _system_config=quick)
        cluster = Cluster(initialize_head=True, head_node_args=head)
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        ray.init(address=cluster.address, log_to_driver=False)
        mine = ray.get_runtime_context().get_node_id()
        other = next(node for node in nodes if node.node_id != mine)
        with Function(Same(), [tp.RayClone()] * 3).run() as run:
            given = []
            for value in run.map(range(3000)):
                given.append(value)
                if len(given) == 1000:
                    cluster.remove_node(other, allow_graceful=False)
            print(given == list(range(3000)))
        ray.shutdown()
        cluster.shutdown()
    """
    )
    assert "True" in text.splitlines()  # Ray tells of the loss, too


TWO_STAGES = (
    QUICK
    + """
        from tests.ray.test_stages import MakeArray, Mean, TwoStages
        from torchpipe.engine.remote.again import Again
        head = dict(num_cpus=2, resources={"second": 2}, include_dashboard=False)
        cluster = Cluster(initialize_head=True, head_node_args=dict(head, _system_config=quick))
        nodes = [cluster.add_node(num_cpus=1, resources={"first": 1}) for _ in range(2)]
        ray.init(address=cluster.address, log_to_driver=False)
        one, two = (tp.RayClone(num_cpus=0, resources={name: 1}) for name in ("first", "second"))
        made, output = [], Again.output
        Again.output = lambda again, index: made.append(again.number) or output(again, index)
"""
)
END = """
        ray.shutdown()
        cluster.shutdown()
"""


def test_values_between_stages_that_are_lost_with_a_node_are_made_again():
    text = told(
        TWO_STAGES
        + """
        import os, select, tempfile, threading
        folder = tempfile.TemporaryDirectory()
        pipe = os.path.join(folder.name, "pipe")
        os.mkfifo(pipe)
        gate = os.open(pipe, os.O_RDWR)
        class Late(Mean):
            def forward(self, array):
                with open(pipe, "rb", buffering=0) as closed:
                    select.select([closed], [], [])
                return super().forward(array)
        with TwoStages(MakeArray(), Late(), [one] * 2, [two]).run() as run:
            waiting = [run.submit(x) for x in range(60)]
            while sum(each.items for each in run.statistics() if each.path == "first") < 60:
                threading.Event().wait(0.01)
            cluster.remove_node(nodes[0], allow_graceful=False)
            os.write(gate, b"open")
            print([each.result() for each in waiting] == list(range(60)))
            print(len(made) > 0, len(made) == len(set(made)))
        """
        + END
    )
    assert {"True", "True True"} <= set(text.splitlines())  # Ray tells of the loss, too


def test_a_node_that_is_lost_between_stages_takes_nothing_with_it():
    text = told(
        TWO_STAGES
        + """
        with TwoStages(MakeArray(), Mean(), [one] * 2, [two]).run() as run:
            given = []
            for value in run.map(range(400)):
                given.append(value)
                if len(given) == 100:
                    cluster.remove_node(nodes[0], allow_graceful=False)
            print(given == list(range(400)), len(made) == len(set(made)))
        """
        + END
    )
    assert "True True" in text.splitlines()


def test_what_is_nowhere_is_told_from_what_is_small_or_not_made_yet():
    assert (
        told("""
        import threading
        from torchpipe.engine.ray.loss import is_nowhere
        ray.init(address="local", **small)
        @ray.remote
        def make(size):
            return bytes(size)
        @ray.remote
        def late():
            threading.Event().wait()
        there = [make.remote(10), make.remote(10_000_000), ray.put(1), ray.put(bytes(10_000_000))]
        ray.wait(there, num_returns=4, fetch_local=False)
        print([is_nowhere(name) for name in [*there, late.remote()]])
    """)
        == f"{[False] * 5}\n"
    )

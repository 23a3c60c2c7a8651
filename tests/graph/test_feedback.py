"""Feedback, and the policies that cells ask for: plain objects."""

import pytest

import torchpipe as tp
from tests.graph.made import error_of, made, two
from torchpipe.errors import ParameterError
from torchpipe.graph.policy import attempts_and_skip


def loop(self, x):
    total = self.add(x, self.total())
    self.total.connect(total)
    return total


def test_feedback_connects_to_the_item_before():
    pipeline = made(loop, total=tp.Feedback(0), add=tp.cell(two))
    pipeline.check()
    assert [*map(str, pipeline.connections)] == [
        "<Connection add.out (Any) -> total.value (Any)>",
        "<Connection Line.x (Any) -> add.a (Any)>",
        "<Connection total.out (Any) -> add.b (Any)>",
    ]
    assert repr(pipeline.total) == "Feedback(initial=0)"


def test_feedback_alone_is_a_delay():
    feedback = tp.Feedback("a")
    assert [feedback(x) for x in "bcd"] == ["a", "b", "c"]
    feedback.reset()
    assert feedback.read() == "a"
    feedback.write("x")
    assert feedback.state_dict() == {"value": "x"}
    feedback.load_state_dict({"value": "y"})
    assert feedback.read() == "y"


@pytest.mark.parametrize(
    ("policy", "facts"),
    [
        ("raise", (0, None)),
        ("skip", (0, tp.Skip(100))),
        (tp.Skip(0.1), (0, tp.Skip(0.1))),
        (tp.Retry(2), (2, None)),
        (tp.Retry(2, then="skip"), (2, tp.Skip())),
        (tp.Retry(0, then=tp.Skip(3)), (0, tp.Skip(3))),
    ],
)
def test_a_policy_is_two_facts(policy, facts):
    assert attempts_and_skip(policy) == facts


@pytest.mark.parametrize(
    ("budget", "skipped", "seen", "exceeded"),
    [
        (2, 2, 2, False),
        (2, 3, 1000, True),
        (0, 1, 10, True),
        (0.1, 10, 5, False),
        (0.1, 11, 5, True),
        (0.1, 100, 1000, False),
        (0.1, 101, 1000, True),
        (1.0, 1000, 1000, False),
    ],
)
def test_a_budget_is_a_number_or_a_share(budget, skipped, seen, exceeded):
    assert tp.Skip(budget).exceeded(skipped, seen) is exceeded


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (
            lambda: tp.Skip(-1),
            "cannot skip with Skip(budget=-1): budget must be a number of items, at least 0, or a "
            "fraction from 0.0 to 1.0.",
        ),
        (
            lambda: tp.Skip(1.5),
            "cannot skip with Skip(budget=1.5): budget must be a number of items, at least 0, or a "
            "fraction from 0.0 to 1.0.",
        ),
        (
            lambda: tp.Retry(-1),
            "cannot retry with Retry(attempts=-1, then='raise'): attempts must be at least 0.",
        ),
        (
            lambda: tp.Batching(0),
            "cannot batch with Batching(max_size=0, max_wait=0.005): max_size must be at least 1 "
            "and max_wait at least 0.",
        ),
        (
            lambda: tp.Batching(1, max_wait=-1),
            "cannot batch with Batching(max_size=1, max_wait=-1): max_size must be at least 1 and "
            "max_wait at least 0.",
        ),
        (
            lambda: attempts_and_skip("ignore"),
            'cannot have on_error=\'ignore\': it must be "raise", "skip", tp.Skip or tp.Retry.',
        ),
        (
            lambda: attempts_and_skip(tp.Retry(1, then="ignore")),
            'cannot have on_error=Retry(attempts=1, then=\'ignore\'): it must be "raise", "skip", '
            "tp.Skip or tp.Retry.",
        ),
    ],
)
def test_what_no_policy_is(make, error):
    assert error_of(make, ParameterError) == error

"""The metrics against TrackEval's on random sequences, and on some that can be done by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.tracking.evaluate import Frame, Pairing, score
from tests.recipes.tracking.evaluate.oracle import assert_equal, figures_of_pairing

OVERLAPS = st.sampled_from([0.0, 0.04, 0.05, 0.3, 0.5, 0.5, 0.55, 0.6, 0.75, 0.95, 1.0])


@st.composite
def pairings(draw):
    """A few people and tracks, with overlaps that are often alike, and often at a level."""
    people, tracks = draw(st.integers(1, 4)), draw(st.integers(0, 5))
    frames = draw(st.lists(frames_of(people, tracks), max_size=10))
    everyone = frame(range(people), range(tracks), np.full((people, tracks), 0.7))
    return Pairing.of([*frames, everyone])


@st.composite
def frames_of(draw, people, tracks):
    some = st.lists(st.booleans(), min_size=people, max_size=people)
    shown = st.lists(st.booleans(), min_size=tracks, max_size=tracks)
    who, which = np.flatnonzero(draw(some)), np.flatnonzero(draw(shown))
    size = len(who) * len(which)
    levels = draw(st.lists(OVERLAPS | st.floats(0, 1), min_size=size, max_size=size))
    return frame(who, which, levels)


def frame(people, tracks, overlap):
    overlap = np.array(overlap, float).reshape(len(people), len(tracks))
    return Frame(np.array(people, int), np.array(tracks, int), overlap)


def figures(*frames):
    return score(Pairing.of(frames)).figures()


@given(pairings())
def test_equals_trackeval_on_random_sequences(pairing):
    assert_equal(score(pairing).figures(), figures_of_pairing(pairing))


@given(pairings(), pairings())
def test_two_sequences_add_up_to_their_counts(one, other):
    both, parts = (
        (score(one) + score(other)).figures(),
        [score(one).figures(), score(other).figures()],
    )
    for name in ("TP", "FP", "FN", "IDs", "Frag", "MT", "ML", "GT", "IDTP", "IDFP", "IDFN"):
        assert both[name] == parts[0][name] + parts[1][name]


def test_a_perfect_tracker_has_100_percent():
    here = frame([0, 1], [1, 0], [[0, 1], [1, 0]])
    found = figures(here, here)
    assert [found[name] for name in ("HOTA", "MOTA", "IDF1", "MT")] == [100, 100, 100, 2]


def test_a_tracker_that_shows_nobody_has_0_percent():
    found = figures(frame([0, 1], [], []), frame([0], [], []))
    assert [found[name] for name in ("HOTA", "MOTA", "IDF1")] == [0, 0, 0]
    assert [found[name] for name in ("FN", "FP", "IDs", "ML", "GT")] == [3, 0, 0, 2, 2]


def test_nothing_at_all_is_no_error():
    assert figures()["HOTA"] == figures(frame([], [], []))["MOTA"] == 0


def test_a_new_track_for_the_same_person_is_one_switch():
    found = figures(*[frame([0], [track], [1]) for track in (0, 0, 1, 1)])
    assert [found[name] for name in ("IDs", "Frag", "MOTA", "IDF1")] == [1, 0, 75, 50]
    assert found["HOTA"] == pytest.approx(100 * np.sqrt(0.5))


def test_the_same_track_after_a_gap_is_a_fragment():
    gap = frame([0], [1], [0])
    found = figures(frame([0], [0], [1]), gap, frame([0], [0], [1]))
    assert [found[name] for name in ("IDs", "Frag", "FN", "FP")] == [0, 1, 1, 1]


def test_a_match_goes_on_though_another_overlaps_more():
    found = figures(frame([0], [0], [0.8]), frame([0], [0, 1], [0.5, 0.9]))
    assert [found[name] for name in ("IDs", "FP")] == [0, 1]

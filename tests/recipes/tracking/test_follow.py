"""Trackers as cells: in a pipeline they are what they are in a loop."""

import pytest
import torch
from torch import nn

import torchpipe as tp
from recipes.tracking.boxes import Detections
from recipes.tracking.cells import Describe
from recipes.tracking.follow import ByteTrack, OcSort, Sort, Track
from recipes.tracking.trackers import ByteTracker, OcSortTracker, PerClass, ReId, SortTracker
from tests.recipes.tracking.trackers.crowd import crowd

KINDS = [(Sort, SortTracker), (ByteTrack, ByteTracker), (OcSort, OcSortTracker)]
GREY = torch.full((200, 250, 3), 128, dtype=torch.uint8)


def frames(seed=0):
    """The detections of a crowd of two classes."""
    for boxes, scores in crowd(seed):
        labels = torch.arange(len(boxes)) % 2
        yield Detections(torch.from_numpy(boxes), torch.from_numpy(scores), labels)


class Follow(tp.Pipeline):
    """Describes what was found, twice at a time, and follows it."""

    def __init__(self, track):
        super().__init__()
        self.source, self.track = tp.Source(list(frames())), track
        self.look = tp.ScaleUp(tp.cell(lambda found: Describe()(GREY, found)), clones=2)

    def build(self):
        found = self.source()
        return self.track(found, self.look(found))


def as_lists(tracks):
    return tracks.frame, tracks.ids.tolist(), tracks.boxes.tolist(), tracks.labels.tolist()


def in_a_loop(tracker, *more):
    updates = (tracker.update(f.boxes, f.scores, f.labels, *more) for f in frames())
    return [as_lists(tracks) for tracks in updates]


@pytest.mark.parametrize(("cell", "tracker"), KINDS)
def test_a_cell_gives_what_its_tracker_gives(cell, tracker):
    follow = cell()
    assert [as_lists(follow(found)) for found in frames()] == in_a_loop(tracker())


@pytest.mark.parametrize(("cell", "tracker"), KINDS)
def test_per_class(cell, tracker):
    follow = cell(per_class=True)
    assert [as_lists(follow(found)) for found in frames()] == in_a_loop(PerClass(tracker))


def test_a_pipeline_gives_what_a_loop_gives_and_again_in_the_next_epoch():
    tracker, expected = ByteTracker(reid=ReId()), []
    for found in frames():
        looks = Describe()(GREY, found)
        tracks = tracker.update(found.boxes, found.scores, found.labels, looks)
        expected.append(as_lists(tracks))
    with Follow(ByteTrack(reid=ReId())).run() as run:
        assert list(map(as_lists, run)) == expected
        assert list(map(as_lists, run)) == expected


def test_only_what_was_found_must_be_connected():
    class Bare(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.source, self.track = tp.Source(list(frames())), OcSort()

        def build(self):
            return self.track(self.source())

    with Bare().run() as run:
        assert list(map(as_lists, run)) == in_a_loop(OcSortTracker())


@pytest.mark.parametrize("cell", [Sort, ByteTrack, OcSort])
def test_a_cell_goes_on_from_a_saved_state(cell):
    found, one, other = list(frames()), cell(), cell()
    for some in found[:30]:
        one(some)
    other(found[0])
    other.load_state_dict(one.state_dict())
    for some in found[30:]:
        assert as_lists(one(some)) == as_lists(other(some))


def test_a_tracker_passes_every_item_through_one_clone():
    with pytest.raises(tp.CheckError, match="stateful"):
        Follow(tp.ScaleUp(Track(SortTracker), clones=2)).check()


def test_a_network_may_say_what_people_look_like():
    found = next(frames())
    looks = Describe(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))(GREY, found)
    torch.testing.assert_close(looks, torch.full((len(found), 3), 3**-0.5))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.tracking.boxes import Tracks
from recipes.tracking.zones.counter import ZoneCounter
from recipes.tracking.zones.shapes import Line, Polygon

DOOR = Line("door", np.array([[0.0, 50.0], [100.0, 50.0]]))  # inside is below
HALL = Polygon("hall", np.array([[0.0, 50], [100, 50], [100, 150], [0, 150]]))
HEIGHT = 40.0  # so 4 pixels from the border are clear


def standing(frame, **feet):
    """Tracks whose names end in their id, at these feet."""
    boxes = [[x - 5, y - HEIGHT, x + 5, y] for x, y in feet.values()]
    ids = [int(name[1:]) for name in feet]
    count = len(ids)
    box = np.array(boxes, float).reshape(-1, 4)
    return Tracks(frame, np.array(ids, np.int64), box, np.ones(count), np.zeros(count, np.int64))


def walk(counter, *points, first=1):
    """One track along points; the last counts."""
    for frame, point in enumerate(points, start=first):
        counts = counter.update(standing(frame, t7=point))
    return counts


def passed(counts):
    return [(count.entries, count.exits) for count in counts]


def down(*heights, x=50):
    return [(x, y) for y in heights]


@pytest.mark.parametrize("zone", [DOOR, HALL], ids=lambda zone: zone.name)
@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (down(30, 45, 55, 70), (1, 0)),
        (down(70, 55, 45, 30), (0, 1)),
        (down(30, 70, 30, 70), (2, 1)),
        (down(30, 49, 51, 49, 51, 49, 51, 70), (1, 0)),
        (down(30, 49, 51, 49, 51, 49, 30), (0, 0)),
        (down(30, 50, 50, 50, 70), (1, 0)),
        (down(30, 49, 51, 53, 53.9), (0, 0)),
        (down(49, 51, 70), (0, 0)),
        (down(51, 49, 51), (0, 0)),
    ],
    ids=["in", "out", "to and fro", "trembles", "turns back", "stands on it", "never clear",
         "first seen on it", "stays on it"],
)  # fmt: skip
def test_a_real_crossing_counts_once(zone, way, expected):
    assert passed(walk(ZoneCounter([zone]), *way)) == [expected]


@pytest.mark.parametrize("zone", [DOOR, HALL], ids=lambda zone: zone.name)
@given(
    st.lists(st.booleans(), min_size=1, max_size=20),
    st.lists(st.floats(-3.9, 3.9), max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_jitter_never_changes_a_count(zone, sides, dither, seed):
    random = np.random.default_rng(seed)
    still, shaken = ZoneCounter([zone]), ZoneCounter([zone])
    clear = [(50.0, 70.0 if inside else 30.0) for inside in sides]
    noisy = [
        place
        for point in clear
        for place in [*((50.0, 50.0 + y) for y in dither), (50.0, point[1] + random.uniform(-9, 9))]
    ]
    assert passed(walk(still, *clear)) == passed(walk(shaken, *noisy))


def test_who_walks_around_the_end_of_a_line_does_not_count():
    way = [(50, 30), (150, 30), (150, 70), (50, 70)]
    assert passed(walk(ZoneCounter([DOOR]), *way)) == [(0, 0)]
    assert passed(walk(ZoneCounter([DOOR]), *way, (50, 30))) == [(0, 1)]


def test_who_walks_along_a_line_and_past_its_end_counts_for_where_it_was_crossed():
    assert passed(walk(ZoneCounter([DOOR]), (50, 30), (50, 51), (150, 51), (150, 70))) == [(1, 0)]
    assert passed(walk(ZoneCounter([DOOR]), (50, 30), (50, 49), (150, 49), (150, 70))) == [(0, 0)]


def test_one_step_across_a_whole_polygon_counts_nothing():
    assert passed(walk(ZoneCounter([HALL]), (50, 20), (50, 190))) == [(0, 0)]


def test_polygons_know_who_is_there_and_how_many_have_been():
    counter = ZoneCounter([HALL])
    counter.update(standing(1, t1=(50, 30), t2=(60, 90)))
    [count] = counter.update(standing(2, t1=(50, 70), t2=(60, 91)))
    assert (count.entries, count.visitors, sorted(count.present)) == (1, 2, [1, 2])
    [count] = counter.update(standing(3, t2=(60, 30)))
    assert (count.exits, count.visitors, count.present.tolist()) == (1, 2, [])
    [count] = counter.update(standing(4, t2=(60, 90)))
    assert (count.entries, count.visitors, count.present.tolist()) == (2, 2, [2])


def test_who_is_hidden_while_crossing_counts():
    counter = ZoneCounter([DOOR])
    walk(counter, (50, 30))
    for frame in range(2, 500):
        counter.update(standing(frame))
    assert passed(walk(counter, (60, 70), first=500)) == [(1, 0)]


def test_tracks_unseen_for_a_thousand_frames_are_forgotten():
    counter = ZoneCounter([DOOR])
    walk(counter, (50, 30))
    counter.update(standing(1001))
    assert counter.state_dict()["ids"].tolist() == []
    assert passed(walk(counter, (50, 70), first=1002)) == [(0, 0)]


def test_in_a_small_polygon_half_of_its_depth_is_clear():
    small = Polygon("mat", np.array([[40.0, 40], [60, 40], [60, 48], [40, 48]]))
    assert passed(walk(ZoneCounter([small], margin=1), *down(20, 44, 60))) == [(1, 1)]


def test_boxes_that_are_no_numbers_are_left_out():
    counter = ZoneCounter([DOOR, HALL])
    walk(counter, (50, 30), (50, np.nan), (np.inf, 70))
    assert passed(walk(counter, (50, 70), first=4)) == [(1, 0), (1, 0)]


def test_no_zones_count_nothing():
    assert walk(ZoneCounter([]), (50, 30), (50, 70)) == ()


def crowd(frames):
    random = np.random.default_rng(0)
    places = random.uniform(0, 200, (9, 2))
    for frame in range(1, frames + 1):
        places += random.normal(0, 15, places.shape)
        chosen = random.permutation(9)[: random.integers(10)]
        yield standing(frame, **{f"t{who}": places[who] for who in chosen})


@pytest.mark.parametrize("taken", [0, 1, 30])
def test_goes_on_where_its_state_was_taken(taken):
    zones = [DOOR, HALL]
    whole, first, second = ZoneCounter(zones), ZoneCounter(zones), ZoneCounter(zones)
    tracks = list(crowd(80))
    expected = [passed(whole.update(each)) for each in tracks]
    for each in tracks[:taken]:
        first.update(each)
    second.load_state_dict(first.state_dict())
    assert [passed(second.update(each)) for each in tracks[taken:]] == expected[taken:]
    assert min(expected[-1][1]) > 3


def test_tracks_do_not_influence_each_other():
    zones = [DOOR, HALL]
    together, alone = ZoneCounter(zones), [ZoneCounter(zones) for _ in range(9)]
    for tracks in crowd(80):
        counts = together.update(tracks)
        for who, counter in enumerate(alone):
            rows = tracks.ids == who
            part = (tracks.ids[rows], tracks.boxes[rows], tracks.scores[rows], tracks.labels[rows])
            last = counter.update(Tracks(tracks.frame, *part))
            alone[who].last = last
    sums = np.sum([passed(counter.last) for counter in alone], axis=0)
    assert np.array(passed(counts)).tolist() == sums.tolist()

import cv2
import numpy as np

from recipes.tracking.zones.shapes import Line, Polygon

STAR = np.array([[50.0, 0], [80, 90], [0, 35], [100, 35], [20, 90]])
ARROW = np.array([[0.0, 0], [90, 40], [0, 80], [30, 40]])


def points(count=500):
    return np.random.default_rng(0).uniform(-20, 120, (count, 2))


def test_the_distance_to_a_polygon_is_that_of_opencv():
    expected = [cv2.pointPolygonTest(np.float32(ARROW), tuple(p), True) for p in points()]
    np.testing.assert_allclose(Polygon("a", ARROW).distance(points()), expected, atol=1e-4)


def test_the_middle_of_a_star_is_outside():
    away = Polygon("star", STAR).distance(np.array([[50.0, 45.0], [50.0, 20.0]]))
    assert (np.sign(away) == [-1, 1]).all()


def test_a_corner_given_twice_changes_nothing():
    twice = ARROW[[0, 1, 1, 2, 3, 0]]
    same = Polygon("a", ARROW).distance(points())
    np.testing.assert_allclose(Polygon("a", twice).distance(points()), same)


def test_the_right_of_a_line_is_inside():
    up = Line("up", np.array([[50.0, 100.0], [50.0, 0.0]]))
    np.testing.assert_allclose(up.distance(np.array([[60.0, 7.0], [20.0, 300.0]])), [10, -30])


def test_a_line_is_crossed_between_its_ends_only():
    line = Line("line", np.array([[0.0, 0.0], [10.0, 0.0]]))
    before = np.array([[5.0, -1], [11, -1], [9, -1], [5, 0], [5, -2], [-1, -1]])
    now = np.array([[5.0, 1], [11, 1], [12, 1], [5, 1], [5, -1], [-0.5, 1]])
    assert line.crossed(before, now).tolist() == [True, False, False, False, False, False]
    assert (line.crossed(now, before) == line.crossed(before, now)).all()


def test_nothing_is_asked():
    nobody = np.zeros((0, 2))
    for zone in (Polygon("a", ARROW), Line("l", ARROW[:2])):
        assert zone.distance(nobody).shape == zone.crossed(nobody, nobody).shape == (0,)

"""SORT: see `plain`."""

import numpy as np

from tests.recipes.tracking.trackers.plain import Track, best, overlaps, without


class PlainSort:
    """SORT; its filter has no speed of the aspect."""

    NOISE = np.diag([1, 1, 1, 1, 1e-2, 1e-2, 1e-4])
    MEASURED = np.diag([1.0, 1, 10, 10])
    rounding = 0.0

    def __init__(self, max_age=1, min_hits=3, min_overlap=0.3):
        self.max_age, self.min_hits, self.min_overlap = max_age, min_hits, min_overlap
        self.frame = self.born = 0
        self.tracks = []

    def update(self, boxes, scores):
        """Returns (id, box, score) of each track that is shown."""
        self.frame += 1
        self.predict()
        for box, score in self.associate(list(zip(boxes, scores, strict=True))):
            self.born += 1
            mean = np.concatenate([self.place(box), np.zeros(3)])
            covariance = np.diag([10.0, 10, 10, 10, 1e4, 1e4, 1e4])
            self.tracks.append(Track(self.born, mean, covariance, self.frame, self.frame, score))
        shown = [
            (track.id, self.shown(track), track.score)
            for track in reversed(self.tracks)
            if track.frame == self.frame
            and (track.streak >= self.min_hits or self.frame <= self.min_hits)
        ]
        self.tracks = [t for t in self.tracks if self.frame - t.frame <= self.max_age]
        return shown

    def predict(self):
        for track in self.tracks:
            if track.mean[2] + track.mean[6] <= 0:
                track.mean = np.where(np.arange(7) == 6, 0, track.mean)
            track.predict(self.NOISE)
            if track.frame < self.frame - 1:
                track.streak = 0
        self.tracks = [track for track in self.tracks if (track.mean[2:4] > 0).all()]

    def associate(self, found):
        share = overlaps([box for box, _ in found], [self.box(track) for track in self.tracks])
        pairs = self.pairs(share, share)
        for row, column in pairs:
            self.note(self.tracks[column], *found[row])
        return without(found, {row for row, _ in pairs})

    def pairs(self, share, score):
        """Unless it is clear who belongs to whom, the best sum of scores decides."""
        near = share > self.min_overlap
        if near.any() and near.sum(0).max() == 1 and near.sum(1).max() == 1:
            return list(zip(*np.nonzero(near), strict=True))
        return [
            (row, column) for row, column in best(-score) if share[row, column] >= self.min_overlap
        ]

    def note(self, track, box, score):
        track.correct(self.place(box), self.MEASURED)
        track.frame, track.score = self.frame, score
        track.streak += 1

    def place(self, box):
        width, height = box[2:] - box[:2]
        x, y = box[0] + width / 2, box[1] + height / 2
        return np.array([x, y, width * height, width / (height + self.rounding)])

    def box(self, track):
        x, y, area, aspect = track.mean[:4]
        width = np.sqrt(area * aspect)
        right, down = width / 2, area / width / 2
        return np.array([x - right, y - down, x + right, y + down])

    shown = box

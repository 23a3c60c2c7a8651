"""OC-SORT: see `plain`."""

import numpy as np

from tests.recipes.tracking.trackers.plain import best, overlaps, without
from tests.recipes.tracking.trackers.plain_sort import PlainSort


class PlainOcSort(PlainSort):
    """OC-SORT; `observed` has no box of the birth."""

    rounding = 1e-6

    def __init__(self, min_score=0.6, max_age=30, min_hits=3, min_overlap=0.3, span=3, inertia=0.2):
        super().__init__(max_age, min_hits, min_overlap)
        self.min_score, self.span, self.inertia = min_score, span, inertia

    def associate(self, found):
        found = [(box, score) for box, score in found if score > self.min_score]
        boxes, tracks = [box for box, _ in found], list(self.tracks)
        share = overlaps(boxes, [self.box(track) for track in tracks])
        pairs = self.pairs(share, share + self.momentum(found))
        left = without(range(len(found)), {row for row, _ in pairs})
        lost = without(range(len(tracks)), {column for _, column in pairs})
        last = [self.last(tracks[column]) for column in lost]
        share = overlaps([boxes[row] for row in left], last)
        for row, column in best(-share) if (share > self.min_overlap).any() else []:
            if share[row, column] >= self.min_overlap:
                pairs.append((left[row], lost[column]))
        for row, column in pairs:
            self.note(tracks[column], *found[row])
        for track in without(tracks, {column for _, column in pairs}):
            if track.observed and max(track.observed) == self.frame - 1:
                track.frozen = track.mean, track.covariance
        return without(found, {row for row, _ in pairs})

    def momentum(self, found):
        score = np.zeros((len(found), len(self.tracks)))
        for column, track in enumerate(self.tracks):
            if track.observed:
                for row, (box, sure) in enumerate(found):
                    towards = direction(self.earlier(track), box)
                    angle = np.arccos(np.clip(towards @ track.direction, -1, 1))
                    score[row, column] = self.inertia * sure * (np.pi / 2 - angle) / np.pi
        return score

    def earlier(self, track):
        for ago in range(self.span, 0, -1):
            if self.frame - ago in track.observed:
                return track.observed[self.frame - ago]
        return self.last(track)

    def last(self, track):
        return track.observed[max(track.observed)] if track.observed else -np.ones(4)

    def note(self, track, box, score):
        if track.observed:
            track.direction = direction(self.earlier(track), box)
            if max(track.observed) < self.frame - 1:
                self.relive(track, box)
        super().note(track, box, score)
        track.observed[self.frame] = box

    def relive(self, track, box):
        track.mean, track.covariance = track.frozen
        start, gap = self.last(track), self.frame - max(track.observed)
        for step in range(1, gap + 1):
            if step > 1:
                track.predict(self.NOISE)
            track.correct(PlainSort().place(start + (box - start) * step / gap), self.MEASURED)

    def shown(self, track):
        return self.last(track) if track.observed else self.box(track)


def direction(before, after):
    way = (after[:2] + after[2:] - before[:2] - before[2:]) / 2
    return way / (np.linalg.norm(way) + 1e-6)

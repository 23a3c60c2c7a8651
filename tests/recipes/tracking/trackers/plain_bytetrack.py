"""ByteTrack: see `plain`."""

import numpy as np

from tests.recipes.tracking.trackers.plain import Track, best, overlaps, without


class PlainByteTrack:
    """ByteTrack, with its two lists of tracks."""

    def __init__(self, high=0.6, low=0.1, new=0.7, match_limit=0.9, buffer=30):
        self.high, self.low, self.new = high, low, new
        self.match_limit, self.buffer = match_limit, buffer
        self.frame = self.born = 0
        self.tracked, self.lost = [], []

    def update(self, boxes, scores):
        """Returns (id, box, score) of each track that is shown."""
        self.frame += 1
        found = list(zip(boxes, scores, strict=True))
        sure = [(box, score) for box, score in found if score > self.high]
        unsure = [(box, score) for box, score in found if self.low < score < self.high]
        fresh = [track for track in self.tracked if not track.confirmed]
        known = [track for track in self.tracked if track.confirmed] + self.lost
        for track in known:
            self.predict(track)
        rest, sure = self.match(known, sure, self.match_limit, weigh=True)
        rest, _ = self.match([t for t in rest if not t.lost], unsure, 0.5, weigh=False)
        gone, sure = self.match(fresh, sure, 0.7, weigh=True)
        born = [self.bear(box, score) for box, score in sure if score >= self.new]
        self.settle(rest, gone, born)
        self.drop_doubles()
        return [(t.id, self.box(t), t.score) for t in self.tracked if t.confirmed]

    def predict(self, track):
        place, speed = track.mean[3] / 20, track.mean[3] / 160
        if track.lost:
            track.mean = np.where(np.arange(8) == 7, 0, track.mean)
        sizes = [place, place, 1e-2, place, speed, speed, 1e-5, speed]
        track.predict(np.diag(np.square(sizes)))

    def match(self, tracks, found, limit, weigh):
        """Returns the tracks and the detections that are left over."""
        share = overlaps([self.box(track) for track in tracks], [box for box, _ in found], 1.0)
        cost = 1 - share * ([score for _, score in found] if weigh else 1)
        pairs = [pair for pair in best(np.minimum(cost, limit)) if cost[pair] < limit]
        for row, column in pairs:
            self.note(tracks[row], *found[column])
        return without(tracks, {r for r, _ in pairs}), without(found, {c for _, c in pairs})

    def note(self, track, box, score):
        place = track.mean[3] / 20
        track.correct(self.place(box), np.diag(np.square([place, place, 1e-1, place])))
        track.frame, track.score, track.confirmed = self.frame, score, True

    def bear(self, box, score):
        self.born += 1
        place, speed = (box[3] - box[1]) / 20, (box[3] - box[1]) / 160
        sizes = [2 * place, 2 * place, 1e-2, 2 * place, 10 * speed, 10 * speed, 1e-5, 10 * speed]
        mean = np.concatenate([self.place(box), np.zeros(4)])
        track = Track(self.born, mean, np.diag(np.square(sizes)), self.frame, self.frame, score)
        track.confirmed = self.frame == 1
        return track

    def settle(self, lost_now, gone, born):
        back = [track for track in self.lost if track.frame == self.frame]
        still = [track for track in self.lost if track.frame < self.frame]
        self.tracked = (
            [t for t in self.tracked if t not in lost_now and t not in gone] + born + back
        )
        # A track that was lost for too long goes one frame later, and then for good.
        self.lost = [track for track in still + lost_now if not track.removed]
        for track in still:
            track.removed |= self.frame - track.frame > self.buffer
        for track in self.tracked + self.lost:
            track.lost = track in self.lost

    def drop_doubles(self):
        here, away = map(self.box, self.tracked), map(self.box, self.lost)
        close = 1 - overlaps([*here], [*away], 1.0) < 0.15
        dropped = []
        for row, column in zip(*np.nonzero(close), strict=True):
            here, away = self.tracked[row], self.lost[column]
            dropped.append(away if here.frame - here.start > away.frame - away.start else here)
        self.tracked = [track for track in self.tracked if track not in dropped]
        self.lost = [track for track in self.lost if track not in dropped]

    def place(self, box):
        width, height = box[2:] - box[:2]
        return np.array([box[0] + width / 2, box[1] + height / 2, width / height, height])

    def box(self, track):
        x, y, aspect, height = track.mean[:4]
        width = aspect * height
        left, top = x - width / 2, y - height / 2
        return np.array([left, top, left + width, top + height])

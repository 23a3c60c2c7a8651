"""What a run tells of itself. All is read from outside, while its threads go on.

Reading order: times, distribution, probes, statistics, gpu, chains, states, totals, snapshot, gil,
idleness. Call by call: recording, timing, trace, chrome, scalars, taps.
"""

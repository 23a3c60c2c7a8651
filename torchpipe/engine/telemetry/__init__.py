"""What a run tells of itself. All is read from outside, while its threads go on.

Reading order: distribution, times, recording, probes, timing (call by call), statistics, gpu,
chains, states, totals, snapshot, onlooker, idleness, gil, chrome, trace, scalars, taps.
"""

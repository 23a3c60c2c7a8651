"""HOW a pipeline runs. No torch (but for the state of its threads), no HTTP.

Reading order: item, context, values, code, body, writer, program, region, clones, parts, core,
epochs, entry, run. Then clones in other processes: remote (what they do there), wire, failure (how
values and errors travel), passing, calls, process, distant, receiver (the side of the run),
ray_resources, ray_clones (what carries all this).
"""

"""HOW a pipeline runs. No torch (but for the state of its threads, and saved runs), no HTTP.

Reading order: item, context, `compiler` (what the functions of stages look like), torch_state,
deploy, fused, threads, region, gather, clones, ring_part, parts, stall, reply, core, position,
streams, copies, epochs, open_source, entry, results, session, scaling, telling, run; torch_seen. Each of the
other packages is read by itself: `telemetry` (what a run tells), `planning` (what comes of that),
`saving`, `remote` (clones in other processes), and `ray`.
"""

"""HOW a pipeline runs. No torch (but for the state of its threads, and saved runs), no HTTP.

Reading order: item, reply, notes, shared, context, `compiler` (the functions of stages),
torch_state, deploy, fused, threads, session, delivery, position, streams, part, inline_part,
ending, gather, ring, clones, ring_part, results, devices, options, route, stall, copies, crew,
one_generator, epochs, core, open_source, inputs, entry, scaling, steering, telling, run;
torch_seen. Each of the other packages is read by itself: `telemetry` (what a run tells), `planning`
(what comes of that), `saving`, `remote` (clones in other processes), and `ray`.
"""

"""HOW a pipeline runs. No torch (but for the state of its threads, and saved runs), no HTTP.

Reading order: item, context, values, code, body, writer, boundary, program, region, clones, parts,
ring_part, core, position, streams, epochs, open_source, entry, reply, results, run. Then what it
tells: times, distribution, probes, statistics, gpu, chains, states, totals, snapshot, gil, period,
verdict, report, telling; call by call: recording, timing, trace, chrome, scalars, taps; what comes
of it: planning, scaler, autoscaling. Then how a run is saved: plain, cut, passage, state, sound,
saved, checkpoint, resuming. Then clones in other processes: work, remote (what they do there),
wire, failure, held, channel, segments, lending, near, served (how values and errors travel),
passing, calls, pace, actor, process, distant, sender, receiver, again, afar (the side of the run),
ray_resources, ray_loss, ray_host, ray_far, ray_actor, ray_clones (what starts, watches and ends the
processes).
"""

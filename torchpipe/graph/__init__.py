"""WHAT is connected: cells, ports, connections, pipelines. Plain objects; no threads, no torch.

Reading order: types, parameter, policy (what a cell says of itself), symbol, port, signature,
build, hole, reserved, cell, lookalike, function, feedback, children, definition, pipeline, clone,
around and scale (definitions); flat, regions, loose, claims, check, placement, sessions and plan
(what comes of them); draw.
"""

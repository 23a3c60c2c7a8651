"""WHAT is connected: cells, ports, connections, pipelines. Plain objects; no threads, no torch.

Reading order: types, parameter, policy (what a cell says of itself), port, signature, build, hole,
cell, function, feedback, children, pipeline, clone, around and scale (definitions); flat, regions,
check, placement, sessions and plan (what comes of them); draw.
"""

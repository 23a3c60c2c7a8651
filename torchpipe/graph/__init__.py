"""WHAT is connected: cells, ports, connections, pipelines. Plain objects; no threads, no torch.

Reading order: port, cell, pipeline, scale, flat, regions, plan, check.
"""

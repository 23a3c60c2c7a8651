"""Clones that are Ray actors: what starts, watches and ends the processes. The only home of Ray.

Reading order: resources, loss, address, host, far, actor, cluster, seen.
"""

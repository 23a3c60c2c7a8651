"""Clones in other processes, whatever starts these: calls go there, and what is lost is run again.

Reading order: failure, wire, held, work, clone (what happens there); channel, segments, lending,
letters, near, loans, served (how values and errors travel on one node); passing, actor, calls,
pace, process, sender, again, afar, receiver, distant (the side of the run).
"""

"""Clones in other processes, whatever starts these: calls go there, and what is lost is run again.

Reading order: work, clone (what happens there); wire, failure, held, channel, segments, lending,
near, served (how values and errors travel); passing, calls, pace, actor, process,
distant, sender, receiver,
again, afar (the side of the run).
"""

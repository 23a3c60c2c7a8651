"""How a run is saved, and goes on: what stateful cells remember, between two items, as plain data.

Reading order: plain, cut, passage, state, sound, saved, checkpoint, resuming.
"""

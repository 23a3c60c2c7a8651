"""HOW a pipeline runs. No torch (but for the state of its threads), no HTTP.

Reading order: item, context, values, code, body, writer, program, region, clones, parts, core,
epochs, entry, run.
"""

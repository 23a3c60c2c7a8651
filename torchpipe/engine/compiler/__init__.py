"""From the cells of a stage to one straight-line Python function. Nothing here runs a cell.

Reading order: code, values, body, writer, reading, boundary, whole, cloned, program.
"""

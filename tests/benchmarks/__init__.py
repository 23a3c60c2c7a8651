"""What torchpipe costs, beside hand-written code and other libraries.

Run all of it with `python -m tests.benchmarks`; `__main__.py` lists the options. Nothing here
asserts a time: each table prints the figures asked for beside those reached.
"""

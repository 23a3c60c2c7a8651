"""Complete pipelines to run, to read and to copy."""

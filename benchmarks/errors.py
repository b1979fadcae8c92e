"""The error of the benchmarks."""


class BenchError(Exception):
    """Something cannot be measured; the message says what is wrong and what to do."""

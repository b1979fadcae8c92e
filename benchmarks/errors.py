"""What can be wrong with a run of the benchmarks."""


class BenchError(Exception):
    """A piece that cannot be measured; the message says what is wrong and what to do."""

"""Compare the models with reference models, in one run, on one split and on one machine.

`python -m benchmarks` (or `make bench`) trains every contestant in a process of its own, scores it, measures
its latency, and writes the table, the plots and the figures of the model card.
"""

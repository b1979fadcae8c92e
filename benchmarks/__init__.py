"""Measurements of the models beside their references, in one run, on one split and one machine.

`python -m benchmarks` (or `make bench`) trains every contestant in a process of its own, scores it, times its
answers, and writes the table, the pictures and the model card's figures.
"""

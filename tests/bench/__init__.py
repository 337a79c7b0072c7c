"""Speed, memory and disk of the lake against its best peers, on the lake's own workloads.

`python -m tests.bench` (or `make bench`) runs every workload; docs/benchmarks.md says what each one is and what was
last measured. The one test in here is of the page: no push fails on a clock.
"""

"""What the lake's data looks like: keys, periods, columns, rules and assets.

An implementation package of dl-datalake: a leaf that imports nothing of ours, and nothing heavy until asked.
"""

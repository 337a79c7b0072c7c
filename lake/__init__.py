"""The engine: files, manifest, sources, validation, merging, reading and writing.

An implementation package of dl-datalake: it knows neither Prefect nor Typer and prints nothing.
"""

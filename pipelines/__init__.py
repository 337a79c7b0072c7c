"""The project's assets, and the flows that make them: the only package that may know Prefect.

An implementation package of dl-datalake.
"""

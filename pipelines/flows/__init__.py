"""The Prefect flows, each a thin cover over one of the engine's plain functions; `dl` does the same without them."""

from pipelines.prefect_environment import settle

settle()

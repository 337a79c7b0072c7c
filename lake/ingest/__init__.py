"""Ingest: vendor files in, every record accounted for, one commit a file."""

from lake.ingest.planning import plans
from lake.ingest.report import FileReport, IngestReport, IngestRequest, Progress
from lake.ingest.run import ingest

__all__ = ["FileReport", "IngestReport", "IngestRequest", "Progress", "ingest", "plans"]

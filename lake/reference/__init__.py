"""Imports of instruments and corporate actions: a file read by its declared fields, committed whole or not at all."""

from lake.reference.importing import Imported, ImportReport, ImportRequest, import_file, remove

__all__ = ["ImportReport", "ImportRequest", "Imported", "import_file", "remove"]

"""Repair: what is lost or damaged is made again from what else there is, and from nothing else.

`log` makes the manifest anew, from the commit log or, with that gone too, from the files themselves; `manifest` makes
the log anew; `cold` puts good copies of files in the place of bad ones; `source` ingests again what a vendor's file
still tells, and puts that in the place of bad ones.
"""

from lake.repair.model import Broken, Progress, RepairReport, RepairRequest, Step, Way
from lake.repair.run import repair

__all__ = ["Broken", "Progress", "RepairReport", "RepairRequest", "Step", "Way", "repair"]

"""Stores the CSV of Qlib's frequency folder by Qlib's own storage, and prints what its data server reads of it.

Its `scripts/dump_bin.py`, which does the same, is in no package: `load_qlib.py FOLDER FREQ`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import qlib
from qlib.data import D

folder, freq = Path(sys.argv[1]), sys.argv[2]
form = "%Y-%m-%d" if freq == "day" else "%Y-%m-%d %H:%M:%S"
with tempfile.TemporaryDirectory() as home:
    frames = {path.stem: pd.read_csv(path, parse_dates=["date"]).set_index("date") for path in folder.glob("*.csv")}
    calendar = sorted(set().union(*(frame.index for frame in frames.values())))
    for name in ("calendars", "instruments", "features"):
        (Path(home) / name).mkdir()
    (Path(home) / "calendars" / f"{freq}.txt").write_text("\n".join(day.strftime(form) for day in calendar) + "\n")
    spans = [f"{name}\t{f.index[0].strftime(form)}\t{f.index[-1].strftime(form)}\n" for name, f in frames.items()]
    (Path(home) / "instruments" / "all.txt").write_text("".join(spans))
    for name, frame in frames.items():
        place = Path(home) / "features" / name.lower()
        place.mkdir()
        begin = calendar.index(frame.index[0])
        whole = frame.reindex(calendar[begin : calendar.index(frame.index[-1]) + 1])
        for field in whole.columns:
            np.hstack([begin, whole[field]]).astype("<f").tofile(place / f"{field}.{freq}.bin")
    qlib.init(provider_uri=home, kernels=1)
    fields = ["$open", "$high", "$low", "$close", "$volume", "$factor"]
    read = D.features(list(frames), fields, freq=freq).reset_index()
    read["datetime"] = read["datetime"].astype(str)
    sys.stdout.write(json.dumps(read.to_numpy().tolist()))

"""Drawings of a few marks, with a hole before the last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dl_datalake.plots.thinning import Drawing

MINUTE = 60 * 10**9
TIMES = 1_704_067_200 * 10**9 + np.array([0, 1, 4]) * MINUTE
CANDLES = Drawing(
    title="TEST/SPOT/ABC/bars/1m",
    times=TIMES,
    step_ns=MINUTE,
    thinned=True,
    columns={
        "open": np.array([10.0, 11.0, 12.0]),
        "high": np.array([11.5, 12.0, 12.5]),
        "low": np.array([9.5, 10.0, 11.0]),
        "close": np.array([11.0, 10.5, 12.0]),
    },
    candle=True,
    lines=(),
    volume=np.array([3.0, 4.0, 5.0]),
    rows=30,
)
LINES = replace(CANDLES, columns={"bid": np.array([1.0, 2.0, 3.0])}, candle=False, lines=("bid",), volume=None)

"""Downloads of financial sites and the files of backtesters: tables for people, in the writing of their country."""

from __future__ import annotations

from lake.sources.dialects.declare import Dialect

INVESTING_RU = Dialect(
    name="investing-ru",
    title="Investing.com daily bars, Russian",
    maker="Investing.com",
    asset="bars",
    vendor='ru.investing.com, historical data, download: "Дата","Цена","Откр.","Макс.","Мин.","Объём","Изм. %"; what it'
    " calls the price is the close",
    sample="MAGN.csv",
    columns=("ts", "close", "open", "high", "low", "volume", None),
    headers=(("Дата", "Цена", "Откр.", "Макс.", "Мин.", "Объём", "Изм. %"),),
    header="always",
    decimal=",",
    thousands=".",
    suffixes=True,
    nulls=("-",),
    time="text",
    form="DD.MM.YYYY",
    labels=True,
)

BACKTRADER_MINUTES = Dialect(
    name="backtrader-minutes",
    title="backtrader minute bars",
    maker="backtrader",
    asset="bars",
    vendor="github.com/mementum/backtrader, its sample files: date and time stand in two columns under"
    ' "Date,Open,High,Low,Close,Volume,OpenInterest"',
    sample="2006-01-02-volume-min-001.txt",
    columns=("ts.date", "ts.time", "open", "high", "low", "close", "volume", "open_interest"),
    headers=(("Date", "Open", "High", "Low", "Close", "Volume", "OpenInterest"),),
    header="always",
    header_lacks=1,
    time="text",
    form="YYYY-MM-DD HH:MM:SS",
    zone=None,
    caution="Which end of a bar is stamped is not said: the times are kept as they are.",
)

NSE_SECONDS = Dialect(
    name="nse-1s",
    title="NSE index values, one a second",
    maker="NSE",
    asset="ticks/trade",
    vendor="index values as scripts record them, a file a day: 2022-08-24 09:00:14,17216.15, in Indian time",
    sample="2022-08-24.csv",
    columns=("ts", "price"),
    needs=("asking",),
    time="text",
    form="YYYY-MM-DD HH:MM:SS",
    zone="Asia/Kolkata",
    market="INDEX",
    caution="Values of an index are no trades: they have a price and no size.",
)

DIALECTS = (INVESTING_RU, BACKTRADER_MINUTES, NSE_SECONDS)

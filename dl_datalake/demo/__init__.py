"""The whole loop on real data, each step a check: what `dl demo` runs."""

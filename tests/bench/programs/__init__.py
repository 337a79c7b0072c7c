"""What the measured processes run, one program each. Each prints one JSON object as its last line."""

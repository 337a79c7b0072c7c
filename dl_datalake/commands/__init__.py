"""The commands of `dl`: each module parses one group's words, calls the engine, and prints what it answers."""

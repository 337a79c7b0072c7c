"""Feature sets: the engine of what is computed elsewhere and known from a certain time on."""

"""Servers on loopback that speak the protocols of real ones, and can be told to misbehave."""

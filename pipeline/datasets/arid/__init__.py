"""ARID: actions filmed in the dark."""

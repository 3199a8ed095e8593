"""Scripted agents that work on a running server over HTTP: a first visitor sees state arrive.

The people, ships and bookings are invented. What arrives has the shape of tool-calling agents'
runs: every message, tool call and tool result is a write, and so is what the tools changed.
"""

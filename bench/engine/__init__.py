"""Carries out a plan: one process a cell, with limits and clocks.

Scores what comes back.
"""

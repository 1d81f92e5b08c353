"""The commands of the command line, one room each, and what they share.

A command has `add`, which adds its parser; what it needs is imported when it runs, so that `--help` stays quick.
"""

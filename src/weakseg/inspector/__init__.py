"""The inspector: a page that shows a run, tries other proxy settings and stores review decisions.

It calls the rooms' functions and reads their files; only `cli.py` imports it.
"""

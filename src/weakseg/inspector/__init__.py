"""The inspector: a page that shows a finished run, tries other proxy values and keeps people's decisions.

It lies above the rooms: it calls their functions and reads their artefacts, and nothing but `cli.py` knows it.
"""

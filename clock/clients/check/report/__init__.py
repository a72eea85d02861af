"""
The reports of a check: text, JUnit, plots and progress.
"""

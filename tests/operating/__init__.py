"""
Tests of the files and pages for operators.
"""

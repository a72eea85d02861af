"""
What tests and benchmarks share: processes, network namespaces, browser, terminal,
HTTP clients, scenarios of faults, and the soak.
"""

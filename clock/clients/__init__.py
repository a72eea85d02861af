"""
The commands that read a stream: C{clock-netcat}, C{clockwall} and C{clock-check}.
"""

"""The one file that configures a stack: read into an ``InstanceSpec`` with located errors, and written back.

The only floor that knows YAML's lines and comments.
"""

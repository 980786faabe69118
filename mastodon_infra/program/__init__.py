"""The Pulumi program: read the stack's config, plan, build, export; and the same build recorded offline.

Pulumi runs this folder with itself first on the path, so no module here may carry the name of a standard one.
"""

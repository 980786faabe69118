"""Whether a deployed instance is what its plan says: what is asked where, how it is asked, and what the answers mean.

``everything`` decides the questions, ``asking`` asks them, and the other modules hold the questions of one part each,
beside the pure judges that turn what was seen into checks.
"""

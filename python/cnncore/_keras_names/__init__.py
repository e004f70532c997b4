"""Names that Keras has, or had, and this package does not have or has elsewhere.

``absent`` lists those that are missing, with reasons; ``errors`` are what asking for them raises; ``moved`` lists old
modules whose names are elsewhere today; ``finder`` tells Python's import statement about both.
"""

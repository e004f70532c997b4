"""Names of earlier versions of Keras."""

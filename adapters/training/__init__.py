"""What methods that learn by gradient or from labels share.

Labelled documents, the loop and its checkpoint.
"""

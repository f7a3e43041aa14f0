"""The keyphrase methods of pke.

They share one parse, one selection of candidates and their counts.
"""

__all__ = ["filling", "selection"]

"""Semantic coding: Codec codes each picture so that the bits lie where they matter, and decodes it again; Export keeps
the bits."""

from stages.codec.export import Export
from stages.codec.stage import Codec

__all__ = ["Codec", "Export"]

"""Semantic coding: Codec codes each picture so that the bits lie where they matter, and decodes it again."""

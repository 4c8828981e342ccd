"""Tests; a package, so that its modules can never be taken for somebody else's."""

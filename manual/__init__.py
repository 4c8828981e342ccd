"""What of the documentation is made from the code: `python -m manual` writes it, a test says when it is stale.

It is committed, so that it can be read where no site is built; nothing of this package is shipped."""

"""What of the documentation is made from the code; `python -m manual` writes it, and nothing of it is shipped."""

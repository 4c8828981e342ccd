"""Arrays in, arrays out: adapters for models. Knows no pipeline; usable in a notebook."""

"""One module per step of a pipeline; a stage is its own configuration."""

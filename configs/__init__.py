"""The shipped pipelines: one YAML for each real use."""

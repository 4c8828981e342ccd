"""The runtime: moves frames between processes; knows no stage and no model."""

__version__ = "0.1.0"

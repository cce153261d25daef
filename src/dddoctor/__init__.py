"""A doctor for hosts that run the Datadog Agent."""

__version__ = "0.1.0"

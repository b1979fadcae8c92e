"""An offline AWS for development: moto keeps the records, and localcloud runs what they describe."""

__version__ = "0.1.0"

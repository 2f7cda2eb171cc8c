"""A made-up bank whose extracts look like those of real systems, with the truth."""

from ingestion.sample.bank import write_sample_bank
from ingestion.sample.spec import SampleSpec, SampleSummary

__all__ = ["SampleSpec", "SampleSummary", "write_sample_bank"]

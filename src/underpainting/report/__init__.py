"""The one-file report: tables in, HTML out."""

from underpainting.report.page import write_report

__all__ = ["write_report"]

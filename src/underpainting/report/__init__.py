"""The one-file report: tables in, HTML out."""

from underpainting.report.export import write_figures
from underpainting.report.page import write_report
from underpainting.report.reading import keep_title

__all__ = ["keep_title", "write_figures", "write_report"]

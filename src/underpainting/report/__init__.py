"""The one-file report: tables in, HTML out."""

from underpainting.report.contents import keep_title
from underpainting.report.export import write_figures
from underpainting.report.page import write_report

__all__ = ["keep_title", "write_figures", "write_report"]

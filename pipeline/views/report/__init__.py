"""The report: a folder of pages to look at scores with, opened from disk, without any server."""

from __future__ import annotations

from pipeline.views.report.build import ReportPages, latest_scores, write_report

__all__ = ["ReportPages", "latest_scores", "write_report"]

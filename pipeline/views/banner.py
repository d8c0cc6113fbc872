"""What has to be said of a model or its scores, as the first lines of a page."""

from __future__ import annotations

import html
from collections.abc import Iterable


def banner(cautions: Iterable[str]) -> str:
    """Return the sentences as HTML that is read without colours and scripts; '' for none."""
    lines = "".join(f"<p><strong>Caution:</strong> {html.escape(each)}</p>" for each in cautions)
    return f'<div class="cautions" role="note" aria-label="Cautions">{lines}</div>' if lines else ""

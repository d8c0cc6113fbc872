"""What people look at: pictures, overlays, pages and the report."""

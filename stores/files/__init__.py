"""Files themselves: places and URLs, atomic commits, names as text, folders searched."""

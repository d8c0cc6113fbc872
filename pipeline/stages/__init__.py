"""What commands do: options in, a report out; nothing is printed."""

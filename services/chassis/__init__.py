"""What the services share and that names no business noun."""

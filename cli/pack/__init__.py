"""What goes into every audit pack as it stands; nothing of ours imports it but tests."""

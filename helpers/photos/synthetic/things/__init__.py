"""What stands on a street, drawn piece by piece."""

"""What bot owners do from the first login on, on either server."""

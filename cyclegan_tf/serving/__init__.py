"""Exporting trained generators for TF Serving, and clients for the server."""

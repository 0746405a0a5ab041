"""A model as one HTML file, which runs it in the browser without a server."""

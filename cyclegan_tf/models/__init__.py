"""What the papers define: layers, networks, losses, the image pool and the training step."""

"""What a model file says about itself, and how it prepares its inputs."""

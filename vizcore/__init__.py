"""vizcore: look inside a convolutional network. Pick a network, an image and a unit; ask a question."""

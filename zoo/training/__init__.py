"""Training: recipes (data -> Keras objects), train, feed, transfer, search, device, and one file an epoch program."""

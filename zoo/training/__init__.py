"""Training: recipes (data -> Keras objects), train, state, feed, transfer, search, device, and one file an epoch program."""

"""What the tests share: makers of data, of networks, of commands."""

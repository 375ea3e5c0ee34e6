"""Pretrained networks: what is known of each, their weights, and building them."""

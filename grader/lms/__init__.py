"""What speaks the protocols of learning management systems and of others outside."""

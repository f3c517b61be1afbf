"""The family of errors that the engine raises for people to read."""


class InfraError(Exception):
    """AWS could not be brought to what the code says, or must not be; the text says why."""

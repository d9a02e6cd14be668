"""What the programs in Python have in common: a line for each check, its name, a tab and what came of it."""
import os

PREFIX = os.environ["CLIENT"] + "/"
TEXT = "M\u00fcller \u2713 'quoted'"


def name(secret):
    return PREFIX + secret


def say(check, value):
    if isinstance(value, (bytes, memoryview)):
        value = bytes(value).hex()
    print(check, value, sep="\t", flush=True)


def other():
    """The connection string of a role that is nobody to the vault."""
    return "user=stranger"

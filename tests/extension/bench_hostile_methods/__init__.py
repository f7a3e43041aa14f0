"""Methods that misbehave, installed as an extension package by the tests."""

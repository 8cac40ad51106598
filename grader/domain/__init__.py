"""The words of the project as frozen dataclasses and rules; standard library only."""

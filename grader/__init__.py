"""The service: it holds rubrics and results, judges evidence, and never runs student code."""

"""The use cases: each takes a `Site` and, where a person acts, the `Actor`.

A use case is one transaction, or several where its docstring says so; messages go out after the
commit. What is refused is raised as one of `grader.errors`. SQL is in `grader.db`.
"""

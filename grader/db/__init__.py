"""The database: models, sessions and repositories. The only place with SQL."""

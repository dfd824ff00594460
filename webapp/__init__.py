"""The Django site: people, pages and the database."""

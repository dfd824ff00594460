"""The thinking: models and maths, nothing of people or pages."""

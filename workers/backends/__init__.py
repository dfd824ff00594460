"""Language models behind the one seam, `workers.core.model.Model`: a server, a script, a recording, and wrappers."""

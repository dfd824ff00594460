"""What strategies may search."""

from django.db import models
from django.db.models.functions import Lower, Now


class Corpus(models.Model):
    """A text that strategies search for passages. Never changed: another text is another corpus.

    Nobody owns it: all who reach the site see it, and may delete it.
    """

    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=32, unique=True, help_text="Of the text: half its SHA-256, in hex.")
    text = models.TextField()
    passages = models.PositiveIntegerField(help_text="How many the text is cut into.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """By name; no two names differ by case alone."""

        ordering = (Lower("name").asc(),)
        verbose_name_plural = "corpora"
        constraints = (models.UniqueConstraint(Lower("name"), name="corpus_name_unique"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def reference(self) -> str:
        """Return what recipes hold: the name for people, the digest so that it means this text for ever."""
        return f"{self.name}@{self.digest}"

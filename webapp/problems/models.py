"""What can be asked."""

from django.db import models


class Problem(models.Model):
    """One question. Never changed once a lane has worked on it: an edit is a new problem."""

    question = models.TextField()
    answer = models.TextField(blank=True, help_text="Reference answer; empty when there is none.")
    grader = models.CharField(max_length=40, default="boxed_math", help_text="Slug of a grader.")
    grader_input = models.JSONField(
        default=dict, blank=True, help_text="What the grader needs beyond the answer, e.g. a puzzle's entry."
    )
    tags = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """Return the beginning of the question."""
        return self.question[:80]


class Suite(models.Model):
    """An ordered, versioned set of problems. A changed set is a new version."""

    slug = models.SlugField(max_length=80)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    problems: models.ManyToManyField[Problem, "SuitePlace"] = models.ManyToManyField(
        Problem, through="SuitePlace", related_name="suites"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Name and version are one suite."""

        ordering = ("name", "-version")
        constraints = (models.UniqueConstraint(fields=("slug", "version"), name="suite_slug_version_unique"),)

    def __str__(self) -> str:
        """Return name and version."""
        return f"{self.name}, v{self.version}"


class SuitePlace(models.Model):
    """A problem's place in a suite."""

    suite = models.ForeignKey(Suite, on_delete=models.CASCADE, related_name="places")
    problem = models.ForeignKey(Problem, on_delete=models.PROTECT, related_name="places")
    position = models.PositiveIntegerField(help_text="1 for the first.")
    name = models.CharField(max_length=120, blank=True, help_text="The problem's id in its source.")

    class Meta:
        """One problem at each position."""

        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("suite", "position"), name="suite_position_unique"),)

    def __str__(self) -> str:
        """Return suite and position."""
        return f"{self.suite} #{self.position}"

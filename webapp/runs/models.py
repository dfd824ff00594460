"""What was asked of whom, and everything that happened."""

import secrets
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from webapp.problems.models import Problem, Suite


def new_run_id() -> str:
    """Return an id that cannot be guessed: 128 bits, 22 letters."""
    return secrets.token_urlsafe(16)


class Status(models.TextChoices):
    """Where a run or a lane stands; it only moves forward."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (Status.FINISHED, Status.FAILED, Status.CANCELLED)
_IS_ENDED = Q(status__in=[status.value for status in ENDED])


class Run(models.Model):
    """Recipes x problems x repeats, started together."""

    id = models.CharField(primary_key=True, max_length=32, default=new_run_id, editable=False)
    suite = models.ForeignKey(Suite, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    seed = models.BigIntegerField()
    repeats = models.PositiveIntegerField(default=1)
    budget_tokens = models.PositiveIntegerField(null=True, blank=True, help_text="Per lane.")
    budget_seconds = models.PositiveIntegerField(null=True, blank=True, help_text="Per lane.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=(_IS_ENDED & Q(ended_at__isnull=False)) | (~_IS_ENDED & Q(ended_at__isnull=True)),
                name="run_ended_has_time",
            ),
        )

    def __str__(self) -> str:
        """Return title and id."""
        return f"{self.title} ({self.id})"

    @property
    def has_ended(self) -> bool:
        """Say whether nothing more will happen."""
        return self.status in ENDED

    def clock_ms(self, moment: datetime | None = None) -> int:
        """Return milliseconds from the run's beginning to a moment, or to now; 0 if it has not begun."""
        if self.started_at is None:
            return 0
        return max(0, round(((moment or timezone.now()) - self.started_at).total_seconds() * 1000))


class Recipe(models.Model):
    """Strategy + params + model (or models) + sampling: one column of a comparison. Equal recipes are one row."""

    strategy = models.SlugField(max_length=60)
    params = models.JSONField()
    model = models.CharField(max_length=200)
    sampling = models.JSONField()
    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    # `db_default`, here and below: web processes of the version before store recipes and calls during an update
    settle = models.BooleanField(
        default=False, db_default=False, help_text="Ask once more for an end that cannot be read."
    )
    models = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="Part of the strategy to a model of its own."
    )

    def __str__(self) -> str:
        """Return strategy and model."""
        return f"{self.strategy} on {self.model}"


class SavedRecipe(models.Model):
    """A recipe under a name, to be used again. Nobody owns it: all who reach the site see and may change it."""

    name = models.CharField(max_length=80)
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, related_name="names")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """By name; no two names differ by case alone."""

        ordering = (Lower("name").asc(),)
        constraints = (models.UniqueConstraint(Lower("name"), name="saved_recipe_name_unique"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Lane(models.Model):
    """One recipe on one problem: one pane."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="lanes")
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, related_name="lanes")
    problem = models.ForeignKey(Problem, on_delete=models.PROTECT, related_name="lanes")
    column = models.PositiveIntegerField(help_text="Place of the recipe in the run, from 1.")
    row = models.PositiveIntegerField(default=1, help_text="Place of the problem in the run, from 1.")
    repeat = models.PositiveIntegerField(default=1, help_text="From 1.")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    fence = models.PositiveIntegerField(default=0, help_text="How often a worker has claimed the lane.")
    lease_until = models.DateTimeField(null=True, blank=True)
    deaths = models.PositiveIntegerField(default=0, help_text="How often a worker let its lease run out.")
    hinted_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last told of it.")

    answer = models.TextField(null=True, blank=True)  # noqa: DJ001  # None: no answer; "" would be one
    answer_note = models.CharField(max_length=200, blank=True)
    is_partial = models.BooleanField(default=False)
    stopped_by = models.CharField(max_length=12, blank=True)
    error = models.TextField(blank=True)
    ruling = models.CharField(max_length=12, blank=True, help_text="Empty until a grader has ruled.")
    explanation = models.TextField(blank=True)

    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    total_tokens = models.PositiveBigIntegerField(default=0)
    critical_path_tokens = models.PositiveBigIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0)
    depth = models.PositiveIntegerField(default=0)
    peak_context = models.PositiveBigIntegerField(default=0)
    wasted_tokens = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0)

    class Meta:
        """In the order of the page."""

        ordering = ("row", "repeat", "column")
        constraints = (
            models.UniqueConstraint(fields=("run", "row", "repeat", "column"), name="lane_place_unique"),
            models.CheckConstraint(
                condition=(_IS_ENDED & Q(ended_at__isnull=False)) | (~_IS_ENDED & Q(ended_at__isnull=True)),
                name="lane_ended_has_time",
            ),
        )
        indexes = (models.Index(fields=("status", "lease_until"), name="lane_open_index"),)

    def __str__(self) -> str:
        """Return run and place."""
        return f"{self.run_id} {self.row}.{self.repeat}.{self.column}"

    @property
    def has_ended(self) -> bool:
        """Say whether nothing more will happen."""
        return self.status in ENDED


class Prompt(models.Model):
    """The text of a prompt, stored once however many calls share it."""

    digest = models.CharField(primary_key=True, max_length=64)
    messages = models.TextField(help_text='JSON: [["user", "…"], …]')

    def __str__(self) -> str:
        """Return the digest."""
        return self.digest


class Event(models.Model):
    """A fact, as it was emitted. Once per lane and identity; the run's own facts have no lane."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    lane = models.ForeignKey(Lane, null=True, on_delete=models.CASCADE, related_name="events")
    identity = models.CharField(max_length=120)
    kind = models.CharField(max_length=40)
    body = models.JSONField()

    class Meta:
        """In order of arrival."""

        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("lane", "identity"), name="event_identity_unique", nulls_distinct=True),
            models.UniqueConstraint(
                fields=("run", "identity"), condition=Q(lane__isnull=True), name="run_event_identity_unique"
            ),
        )

    def __str__(self) -> str:
        """Return lane and identity."""
        return f"{self.lane_id} {self.identity}"


class Call(models.Model):
    """One request to a model: the ledger's row. Its text stands once, in its `call_finished` event."""

    lane = models.ForeignKey(Lane, on_delete=models.CASCADE, related_name="call_rows")
    key = models.CharField(max_length=80)
    role = models.CharField(max_length=40)
    round = models.PositiveIntegerField()
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="calls")
    seed = models.BigIntegerField()
    after = models.JSONField(default=list)
    state = models.CharField(max_length=12, default="running")
    started_at_ms = models.PositiveIntegerField()
    first_token_at_ms = models.PositiveIntegerField(null=True)
    ended_at_ms = models.PositiveIntegerField(null=True)
    answer = models.TextField(null=True)  # noqa: DJ001  # None: the text holds no answer
    finish_reason = models.CharField(max_length=12, blank=True)
    error = models.TextField(blank=True)
    ruling = models.CharField(max_length=12, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    retries = models.PositiveIntegerField(default=0)
    abandoned_tokens = models.PositiveIntegerField(default=0, help_text="Written in attempts that were given up.")
    abandoned_prompt_tokens = models.PositiveIntegerField(default=0, db_default=0)
    is_estimate = models.BooleanField(
        default=False, db_default=False, help_text="A worker died: what its attempt wrote is estimated."
    )

    class Meta:
        """In order of start."""

        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("lane", "key"), name="call_key_unique"),)

    def __str__(self) -> str:
        """Return lane and key."""
        return f"{self.lane_id} {self.key}"

"""An update while the site is live: processes of a version before write rows that know nothing of newer columns."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from webapp.runs.models import Call, Lane, Recipe

pytestmark = pytest.mark.django_db
LOADER = MigrationLoader(None)
BEFORE = sorted(name for app, name in LOADER.disk_migrations if app == "runs")[:-1]


@pytest.mark.parametrize("version", BEFORE)
def test_a_process_of_a_version_before_can_still_write(version: str) -> None:
    old = LOADER.project_state([("runs", version), ("problems", "0001_initial")]).apps
    problem = old.get_model("problems", "Problem").objects.create(question="?", grader="number")
    run = old.get_model("runs", "Run").objects.create(id="a", title="a", seed=1)
    recipe = old.get_model("runs", "Recipe").objects.create(
        strategy="direct", params={}, model="scripted", sampling={}, fingerprint="1"
    )

    lane = old.get_model("runs", "Lane").objects.create(run=run, recipe=recipe, problem=problem, column=1)
    prompt = old.get_model("runs", "Prompt").objects.create(digest="1", messages=[])
    old.get_model("runs", "Call").objects.create(
        lane=lane, key="draft-1", role="draft", round=1, prompt=prompt, seed=1, started_at_ms=0
    )
    connection.check_constraints()

    assert Recipe.objects.get().models == {}
    assert Lane.objects.get().deaths == 0
    assert (Call.objects.get().abandoned_prompt_tokens, Call.objects.get().is_estimate) == (0, False)

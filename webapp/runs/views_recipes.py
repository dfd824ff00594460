"""The page of saved recipes."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from webapp.runs.models import SavedRecipe
from webapp.runs.saved_recipes import list_saved
from webapp.runs.saving import BadName, rename_recipe


@require_safe
def recipes(request: HttpRequest) -> HttpResponse:
    """Show every saved recipe; those that are ticked can be compared."""
    return render(request, "runs/recipes.html", {"rows": list_saved()})


@require_POST
def rename(request: HttpRequest, saved_id: int) -> HttpResponse:
    """Give a recipe another name."""
    saved = get_object_or_404(SavedRecipe, pk=saved_id)
    try:
        rename_recipe(saved, request.POST.get("name", ""))
    except BadName as fault:
        context = {"rows": list_saved(), "fault": str(fault), "fault_at": saved.pk, "given": saved.name}
        return render(request, "runs/recipes.html", context, status=422)
    messages.success(request, f"The recipe is called ‘{saved}’ now.")
    return redirect("recipes")


@require_POST
def delete(request: HttpRequest, saved_id: int) -> HttpResponse:
    """Forget a name; runs with the recipe keep it."""
    saved = get_object_or_404(SavedRecipe, pk=saved_id)
    saved.delete()
    messages.success(request, f"‘{saved.name}’ is deleted. Runs with it stay as they are.")
    return redirect("recipes")

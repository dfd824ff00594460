"""Problems and suites in the admin, to look at: sets change by importing, never in place."""

from django.contrib import admin
from django.http import HttpRequest

from webapp.problems.models import Problem, Suite, SuitePlace


class ReadOnly:
    """Refuses every change: runs rely on problems staying as they were."""

    def has_add_permission(self, request: HttpRequest, *args: object) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class PlaceInline(ReadOnly, admin.TabularInline[SuitePlace, Suite]):
    """The problems of a suite."""

    model = SuitePlace
    extra = 0
    raw_id_fields = ("problem",)


@admin.register(Problem)
class ProblemAdmin(ReadOnly, admin.ModelAdmin[Problem]):
    """Problems by text."""

    list_display = ("__str__", "answer", "grader", "created_at")
    list_filter = ("grader",)
    search_fields = ("question", "answer")


@admin.register(Suite)
class SuiteAdmin(ReadOnly, admin.ModelAdmin[Suite]):
    """Suites by name, every version."""

    list_display = ("name", "version", "slug", "created_at")
    search_fields = ("name", "slug")
    inlines = (PlaceInline,)

"""A person looks at suites and imports one through the page."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from webapp.problems.importing import import_suite
from webapp.problems.models import Problem, Suite

ONE_SUM = b'{"id": "a", "problem": "1 + 1?", "answer": 2, "tags": ["easy"]}\n'
TWO_SUMS = ONE_SUM + b'{"id": "b", "problem": "1 + 2?", "answer": "3"}\n'

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite():
    return import_suite(content=TWO_SUMS, name="Sums", grader="number").suite


def post(client, **fields):
    return client.post(reverse("suite_import"), {"name": "Sums", "grader": "number"} | fields)


def faults_on(response):
    return re.findall(r"<li>(.*?)</li>", response.content.decode().split('id="faults"')[1].split("</ul>")[0])


def test_with_no_suite_the_list_says_what_to_do(client):
    assertContains(client.get(reverse("suites")), "There is no suite yet.")


def test_the_list_shows_the_newest_version_once(client, suite):
    import_suite(content=ONE_SUM, name="Sums", grader="number")

    page = client.get(reverse("suites"))

    assertContains(page, f'<a href="{reverse("suite", args=["sums"])}">Sums</a>', count=1, html=True)
    assertContains(page, '<td class="num">2</td>', count=1, html=True)  # its version; it has one problem


def test_a_suite_shows_its_problems_with_links_to_take_and_to_run_them(client, suite):
    page = client.get(reverse("suite", args=["sums"]))

    first = suite.places.get(position=1).problem
    assertContains(page, f'href="/?problem={first.pk}"', count=1)
    assertContains(page, "1 + 1?")
    assertContains(page, '<span class="chip chip--plain">easy</span>', html=True)
    assertContains(page, 'href="/suites/sums/run?version=1"')
    assertContains(page, 'href="/leaderboards/sums/?version=1"')


def test_an_earlier_version_can_be_seen(client, suite):
    import_suite(content=TWO_SUMS + b'{"problem": "2 + 2?", "answer": 4}', name="Sums", grader="number")

    assertContains(client.get(reverse("suite", args=["sums"])), "2 + 2?")
    assertNotContains(client.get(reverse("suite", args=["sums"]), {"version": "1"}), "2 + 2?")


@pytest.mark.parametrize("version", ["3", "x", "1\x00", "²"])
def test_a_version_that_does_not_exist_is_not_found(client, suite, version):
    assert client.get(reverse("suite", args=["sums"]), {"version": version}).status_code == 404


def test_a_suite_that_does_not_exist_is_not_found(client):
    assert client.get(reverse("suite", args=["sums"])).status_code == 404


def test_a_suite_page_asks_the_database_a_fixed_number_of_times(client, suite, django_assert_num_queries):
    with django_assert_num_queries(2):
        client.get(reverse("suite", args=["sums"]))


def test_hostile_text_of_a_problem_shows_as_text(client):
    import_suite(content=b'{"problem": "<script>alert(1)</script>", "tags": ["<b>"]}', name="<i>Bad</i>", slug="bad")

    page = client.get(reverse("suite", args=["bad"])).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<i>Bad" not in page


def test_a_pasted_suite_is_imported(client):
    response = post(client, text=TWO_SUMS.decode(), description="Two sums.")

    assert response.status_code == 302
    assert response["Location"] == reverse("suite", args=["sums"])
    suite = Suite.objects.get()
    assert (suite.name, suite.description, suite.places.count()) == ("Sums", "Two sums.", 2)
    assertContains(client.get(response["Location"]), "Sums, v1 is imported.")


def test_an_uploaded_suite_is_imported(client):
    post(client, file=SimpleUploadedFile("sums.csv", b"\xef\xbb\xbfproblem,answer\n1 + 1?,2\n"))

    assert Problem.objects.get().question == "1 + 1?"


def test_the_same_again_says_so(client, suite):
    response = client.post(reverse("suite_import"), {"name": "Sums", "grader": "number", "text": TWO_SUMS.decode()})

    assertContains(client.get(response["Location"]), "Sums, v1 was there already, with these very problems.")


def test_faults_are_shown_with_their_lines_and_nothing_is_kept(client):
    response = post(client, text='{"problem": "1?", "answer": "one"}\n{')

    assert response.status_code == 422
    assert faults_on(response) == [
        "Line 1: the grader number cannot read it. The reference answer &#x27;one&#x27; is not a number.",
        "Line 2: is not JSON (Expecting property name enclosed in double quotes at place 2).",
    ]
    assert not Suite.objects.exists()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, "Choose a file or paste its text."),
        ({"text": "x", "file": SimpleUploadedFile("a", b"x")}, "Choose a file or paste its text; not both."),
        ({"text": "problem\n1?", "name": ""}, "Name the suite."),
        ({"text": "problem\n1?", "name": "x" * 200}, "The name has 200 characters; the most is 120."),
        (
            {"text": "problem\n1\x00?"},
            "Line 2: has a NUL character in its question, which cannot be stored. Delete it.",
        ),
        (
            {"text": "problem\n1?", "description": "\x00"},
            "The name or the description holds a character that cannot be stored (NUL or a lone surrogate).",
        ),
        (
            {"text": "problem\n1?", "grader": "oracle"},
            "Grader: Select a valid choice. oracle is not one of the available choices.",
        ),
        ({"file": SimpleUploadedFile("a.csv", b"problem\n\xff")}, "Line 2: is not UTF-8 (byte 0xff at place 1)."),
        (
            {"file": SimpleUploadedFile("a.csv", b"x" * (5 * 1024 * 1024 + 1))},
            "The file has 5,242,881 bytes; the most is 5,242,880.",
        ),
    ],
    ids=["nothing", "both", "no name", "long name", "nul", "nul described", "grader", "bad utf-8", "large"],
)
def test_what_cannot_be_imported_is_said(client, fields, fault):
    response = post(client, **fields)

    assert response.status_code == 422
    assert faults_on(response) == [fault]
    assert not Suite.objects.exists()

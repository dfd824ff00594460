"""A person uploads a text, looks at its passages, and deletes it: by the page and by the JSON interface."""

import html
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from webapp.corpora.importing import import_corpus
from webapp.corpora.models import Corpus
from webapp.corpora.queries import find_corpus, read_corpus
from webapp.corpora.reading import MOST_BYTES

pytestmark = pytest.mark.django_db

NORLAND = "Olaf is king.\n\nAda is queen.\n"


@pytest.fixture
def corpus():
    return import_corpus(content=NORLAND.encode(), name="Norland").corpus


def upload(client, content: bytes, file_name="Norland.txt", **fields):
    return client.post(reverse("corpora"), {"file": SimpleUploadedFile(file_name, content), **fields})


def faults_on(response):
    assert response.status_code == 422
    listed = response.content.decode().split('id="faults"')[1].split("</ul>")[0]
    return [html.unescape(fault) for fault in re.findall(r"<li>(.*?)</li>", listed)]


def test_without_a_corpus_the_page_says_what_they_are_for(client):
    assertContains(client.get(reverse("corpora")), "No corpus is uploaded yet.")


def test_an_uploaded_file_shows_its_passages(client):
    page = upload(client, NORLAND.encode())

    corpus = Corpus.objects.get()
    assert (corpus.name, corpus.text, corpus.passages) == ("Norland", NORLAND, 2)
    assertRedirects(page, reverse("corpus", args=[corpus.pk]))
    shown = client.get(reverse("corpus", args=[corpus.pk]))
    assertContains(shown, '<td class="corpora__passage" dir="auto">Ada is queen.</td>', html=True)
    listed = client.get(reverse("corpora"))
    assertContains(listed, "Norland")
    assertContains(listed, f'<td class="num">{len(NORLAND)}</td>', html=True)


def test_a_text_can_be_pasted(client):
    client.post(reverse("corpora"), {"name": " Nor  land ", "text": NORLAND.replace("\n", "\r\n")})

    assert Corpus.objects.values_list("name", "text").get() == ("Nor land", NORLAND)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ("Olaf is king.", "Olaf is king."),
        ({"_id": "1", "text": "Olaf is king."}, "Olaf is king."),
        ({"title": "Olaf", "content": "He is king."}, "Olaf\nHe is king."),
        ({"title": " ", "contents": "Olaf\n\nis king."}, "Olaf\n\nis king."),
    ],
)
def test_a_line_of_jsonl_is_a_text(client, record, text):
    upload(client, f"{json.dumps(record)}\n\n{json.dumps('Another.')}\n".encode(), "norland.JSONL")

    assert Corpus.objects.get().text == f"{text}\n\nAnother."


def test_many_passages_are_shown_in_part(client):
    upload(client, "\n\n".join(f"Fact {number}." for number in range(60)).encode())

    page = client.get(reverse("corpus", args=[Corpus.objects.get().pk]))
    assertContains(page, "The first 50 passages")
    assertContains(page, "Fact 49.")
    assertNotContains(page, "Fact 50.")


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "file_name", "fault"),
    [
        pytest.param(b"", "a.txt", "The text is empty: it holds nothing but white space.", id="zero bytes"),
        pytest.param(b"\xef\xbb\xbf \n\n", "a.txt", "The text is empty: it holds nothing but white space.", id="blank"),
        pytest.param(b"", "a.jsonl", "The text is empty: it holds nothing but white space.", id="no record"),
        pytest.param(
            b"x" * (MOST_BYTES + 1), "a.txt", "The file has 2,000,001 bytes; the most is 2,000,000.", id="too large"
        ),
        pytest.param(
            b"x" * 6_000_000, "a.txt", "The file has 6,000,000 bytes; the most is 2,000,000.", id="much too large"
        ),
        pytest.param(
            "a\nZoë".encode("latin-1"),
            "a.txt",
            "Line 2 is not UTF-8. Save the file as UTF-8 and upload it again.",
            id="latin-1",
        ),
        pytest.param(
            b"a\0b",
            "a.txt",
            "The text holds a NUL character, which cannot be stored. Delete it, or upload a file of text.",
            id="nul",
        ),
        pytest.param(
            b'"\\u0000"',
            "a.jsonl",
            "The text holds a NUL character, which cannot be stored. Delete it, or upload a file of text.",
            id="nul in json",
        ),
        pytest.param(
            b'"\\ud800"', "a.jsonl", "Line 1 holds half a character (a lone surrogate). Delete it.", id="surrogate"
        ),
        pytest.param(b"%PDF", "a.pdf", "File: ‘a.pdf’ is none of .txt, .md and .jsonl.", id="pdf"),
        pytest.param(
            b'"a"\n{', "a.jsonl", "Line 2 is not JSON. Every line of a .jsonl file is one record.", id="broken json"
        ),
        pytest.param(
            b"[" * 100_000, "a.jsonl", "Line 1 is not JSON. Every line of a .jsonl file is one record.", id="deep json"
        ),
        pytest.param(
            b'{"text": 1}',
            "a.jsonl",
            'Line 1 has no text. A record is a string, or an object with a "text".',
            id="no text",
        ),
    ],
)
def test_a_file_that_cannot_be_searched_is_refused(client, content, file_name, fault):
    assert faults_on(upload(client, content, file_name)) == [fault]
    assert not Corpus.objects.exists()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": "Empty"}, "Choose a file or paste a text."),
        ({"text": "Olaf."}, "Give the corpus a name."),
        ({"text": "Olaf.", "name": "x" * 81}, "The name has 81 letters; the most is 80. Shorten it."),
        ({"text": "Olaf.", "name": "a\u202eb"}, "The name holds a letter that cannot be shown. Delete it."),
        ({"text": "Olaf.", "name": "norLAND"}, "‘Norland’ is another text. Choose another name, or delete that one."),
        ({"text": NORLAND, "name": "Other"}, "This very text is there already, under the name ‘Norland’."),
    ],
    ids=["nothing", "no name", "long name", "turned name", "taken name", "taken text"],
)
def test_what_is_missing_or_taken_is_said(client, corpus, fields, fault):
    assert faults_on(client.post(reverse("corpora"), fields)) == [fault]
    assert Corpus.objects.get() == corpus


def test_the_same_again_changes_nothing(client, corpus):
    page = upload(client, NORLAND.encode())

    assertRedirects(page, reverse("corpus", args=[corpus.pk]))
    assert Corpus.objects.get() == corpus


def test_what_a_text_says_is_shown_and_not_done(client):
    hostile = '<script>alert("1")</script>\n\n‮<img src=x onerror=alert(2)>\n\nשלום'

    upload(client, hostile.encode(), '"><b>.md')

    pages = [client.get(reverse("corpora")), client.get(reverse("corpus", args=[Corpus.objects.get().pk]))]
    for page in pages:
        assertNotContains(page, "<script>alert")
        assertNotContains(page, "<img src=x")
        assertNotContains(page, '"><b>')
    assertContains(pages[1], "&lt;img src=x onerror=alert(2)&gt;")


# --- references and deletion ------------------------------------------------------------------------------------------


def test_a_reference_means_one_text_for_ever(corpus):
    reference = corpus.reference
    corpus.delete()
    import_corpus(content=b"Another text.", name="Norland")

    assert read_corpus(reference) is None
    assert find_corpus(reference) is None

    Corpus.objects.all().delete()
    import_corpus(content=NORLAND.encode(), name="Norland")
    assert read_corpus(reference) == NORLAND


def test_a_corpus_is_deleted(client, corpus):
    page = client.post(reverse("corpus_delete", args=[corpus.pk]), follow=True)

    assertContains(page, "‘Norland’ is deleted. Runs that searched it stay as they are.")
    assert not Corpus.objects.exists()


# --- the JSON interface -----------------------------------------------------------------------------------------------


def test_programs_keep_list_and_delete(client):
    kept = client.post("/api/v1/corpora", {"name": "Norland", "text": NORLAND}, content_type="application/json")
    assert kept.status_code == 201

    [listed] = client.get("/api/v1/corpora").json()
    assert listed == kept.json()
    assert (listed["name"], listed["passages"]) == ("Norland", 2)
    assert listed["reference"] == Corpus.objects.get().reference

    assert client.delete(f"/api/v1/corpora/{listed['id']}").status_code == 204
    assert client.get("/api/v1/corpora").json() == []


def test_half_a_character_is_no_text(client):
    body = '{"name": "N", "text": "a\\ud800"}'

    assert client.post("/api/v1/corpora", body, content_type="application/json").status_code == 422


@pytest.mark.parametrize("text", ["", "x" * (MOST_BYTES + 1), "\0"], ids=["empty", "too large", "nul"])
def test_programs_are_told_what_is_wrong(client, text):
    refused = client.post("/api/v1/corpora", {"name": "N", "text": text}, content_type="application/json")

    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("The text ")

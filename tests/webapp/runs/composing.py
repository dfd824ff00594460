"""What tests of the new comparison share: the page's texts, how they are sent, what the answer says."""

import re

from webapp.runs import setups


def fields(**changes):
    """Return the texts of the untouched page with some of them changed; `lane_2_params__drafts` stands for dashes."""
    texts = setups.default_setup()
    setups.complete(texts)
    for name, value in changes.items():
        texts.setlist(name.replace("__", "-"), value if isinstance(value, list) else [value])
    return texts


def post(client, texts, path="/"):
    return client.post(path, texts.urlencode(), content_type="application/x-www-form-urlencoded")


def error_at(response, field):
    """Return the sentence that stands at a field."""
    found = re.search(rf'id="{re.escape(field)}_error"[^>]*>(.*?)</span>\s*(?:<|$)', response.content.decode(), re.S)
    assert found, f"There is no place for an error at {field}."
    sentence = re.sub(r"<[^>]+>", "", found[1]).strip()
    return sentence.replace("&#x27;", "'")


def page_errors(response):
    texts = re.findall(r'role="alert">(.*?)</p>', response.content.decode(), re.S)
    return [re.sub(r"<[^>]+>", "", text).strip() for text in texts]

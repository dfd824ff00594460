"""Every setting of the site, and the only place that reads environment variables.

What is unset in the environment is taken from `var/local.env`, which `manage.py up` writes while it runs:
so a second terminal finds the engines that the first one started.
"""

import os
import re
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
import django_stubs_ext
from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE

from webapp.lib.logs import logging_settings
from webapp.lib.lost_connections import SteadyParser

django_stubs_ext.monkeypatch()  # so that models may say ForeignKey["Problem"] in annotations

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("RETORT_VAR") or BASE_DIR / "var").resolve()
"""Everything this machine writes: databases, logs, the secret key of local use."""


def _local_env() -> dict[str, str]:
    """Return what a running `manage.py up` in this folder says about its engines; nothing if it runs no more."""
    try:
        lines = (VAR / "local.env").read_text().splitlines()
        said = dict(line.split("=", 1) for line in lines if "=" in line)
        os.kill(int(said.pop("UP_PROCESS")), 0)
    except (OSError, KeyError, ValueError):
        return {}
    return said


_ENV = _local_env() | {name: value for name, value in os.environ.items() if value}


def _text(*names: str, default: str = "") -> str:
    return next((_ENV[name] for name in names if name in _ENV), default)


def _list(name: str) -> list[str]:
    return [part.strip() for part in _text(name).split(",") if part.strip()]


def _number(name: str, *, default: int, most: int, least: int = 1) -> int:
    given = _text(name, default=str(default))
    if not given.isdecimal() or not least <= int(given) <= most:
        sys.exit(f"{name} must be a number from {least} to {most}, not '{given}'.")
    return int(given)


def _is_on(name: str) -> bool:
    return _text(name).lower() in {"1", "true", "yes", "on"}


# The site

EMBEDDED = frozenset(
    name
    for name, variables in {
        "postgres": ["DATABASE_URL"],
        "redis": ["REDIS_URL"],
        "model": ["VLLM_BASE_URL", "OPENAI_BASE_URL"],
        "secret_key": ["SECRET_KEY"],
    }.items()
    if not any(os.environ.get(variable) for variable in variables)
)
"""What `manage.py up` starts or makes itself, because nothing points to another."""
DEBUG = _is_on("DEBUG")
# Empty is refused by Django at first use; `manage.py up` makes one for local use, elsewhere it must be given.
SECRET_KEY = _text("SECRET_KEY", default="only-for-debugging" if DEBUG else "")
HOST = _text("HOST", default="127.0.0.1")
PORT = _number("PORT", default=8000, most=65535)
_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = _list("ALLOWED_HOSTS") or list(dict.fromkeys([*_LOOPBACK, HOST]))
# With scheme and port: another site on the same machine is another origin.
ALLOWED_ORIGINS = _list("ALLOWED_ORIGINS") or [
    origin
    for host in ALLOWED_HOSTS
    for origin in (f"http://{host}:{PORT}", *(() if host in _LOOPBACK else (f"https://{host}", f"http://{host}")))
    if host != "*"
]
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_htmx",
    "ninja",
    "webapp.problems",
    "webapp.corpora",
    "webapp.runs",
    "webapp.board",
    "webapp.catalog",
    "webapp.local",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "webapp.lib.private_links.private_links",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webapp.lib.outages.Outages",
]
ROOT_URLCONF = "webapp.urls"
ASGI_APPLICATION = "webapp.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,  # the admin's own
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "webapp.runs.context.model_server",
            ],
        },
    }
]
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# Static files: served from their folders, before Django, with no collecting and no hashed names. The browser asks again
# each time and is told "not modified": nothing stale after an update, at the price of many tiny answers.

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 0
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Engines
#
# A router or firewall may forget a connection and tell nobody. Without the settings below, who asks through it waits
# for a quarter of an hour, and who waits for an answer waits for ever: a worker would hear of no work. A connection
# counts as lost when its other end has acknowledged nothing for four seconds, half as long as a lease.

_SILENT_SECONDS = 4
_TCP_OPTIONS = {"TCP_KEEPIDLE": _SILENT_SECONDS, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": _SILENT_SECONDS,
                "TCP_USER_TIMEOUT": _SILENT_SECONDS * 1000}  # fmt: skip

DATABASE_URL = _text("DATABASE_URL", default="postgres://127.0.0.1/retort")
_DATABASE = dj_database_url.parse(DATABASE_URL)
_POOL = {"min_size": 0, "timeout": 5, "reconnect_timeout": 2, "max_idle": 60}
"""In seconds. A page that finds no connection free for so long says so, and asks to come back."""
RETORT_DATABASE_POOL = _number("RETORT_DATABASE_POOL", default=0, least=0, most=1000)
"""Connections that the threads of this process share, which saves each page opening one; 0: each has its own.

Web processes have 16 (webapp/asgi.py). Workers have none: their threads are few and keep what they open.
"""
if _DATABASE["ENGINE"] == "django.db.backends.postgresql":
    _DATABASE["ENGINE"] = "webapp.lib.postgres"
    _DATABASE["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": _SILENT_SECONDS,
        "keepalives_interval": 1,
        "keepalives_count": _SILENT_SECONDS,
        "tcp_user_timeout": _SILENT_SECONDS * 1000,
        **_DATABASE.get("OPTIONS", {}),
    }
    if RETORT_DATABASE_POOL:
        _DATABASE["OPTIONS"]["pool"] = {**_POOL, "max_size": RETORT_DATABASE_POOL}
DATABASES = {"default": _DATABASE}
REDIS_URL = _text("REDIS_URL", default="redis://127.0.0.1:6379/0")
REDIS_OVER_TCP: dict[str, Any] = (
    {}
    if REDIS_URL.startswith("unix:")
    else {
        "socket_keepalive": True,
        "socket_keepalive_options": {
            getattr(socket, name): value
            for name, value in _TCP_OPTIONS.items()
            if hasattr(socket, name)  # Linux has all
        },
    }
)
"""What a client of Redis is told besides the address."""
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "parser_class": SteadyParser, **REDIS_OVER_TCP}]},
    }
}


@dataclass(frozen=True, slots=True)
class ModelServer:
    """Where the model is asked: an OpenAI-compatible server, its base address with the version part, no slash."""

    base_url: str
    api_key: str = field(repr=False)
    model: str
    """Empty: the first that the server lists."""


def _with_version(url: str) -> str:
    """Return `url` without a trailing slash, with /v1 if it names only a host."""
    url = url.rstrip("/")
    return url if urlsplit(url).path else f"{url}/v1"


MODEL_SERVER = ModelServer(
    base_url=_with_version(_text("VLLM_BASE_URL", "OPENAI_BASE_URL", default="http://127.0.0.1:8001")),
    api_key=_text("VLLM_API_KEY", "OPENAI_API_KEY"),
    model=_text("VLLM_MODEL"),
)
RETORT_MAX_STREAMS = _number("RETORT_MAX_STREAMS", default=256, most=100_000)
"""Requests that one worker process keeps open at the model server at once."""

# Watching

RETORT_VERSION = _text("RETORT_VERSION")
METRICS_TOKEN = _text("METRICS_TOKEN")
TRACES_ENDPOINT = _text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Set: workers export spans. The exporter reads the two, and others of its own, from the environment itself."""
TRACES_HAVE_TEXTS = _is_on("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")

# Celery: a message is only a hint that there is work; the database is the work.

_VISIBILITY_SECONDS = 6 * 3600  # longer than any task; recovery is the sweep's job, not the broker's
CELERY_BROKER_URL = re.sub(r"^unix://(.*)\?db=", r"redis+socket://\1?virtual_host=", REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a Redis that turns read-only, as in a failover, ends no worker
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": _VISIBILITY_SECONDS,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    **REDIS_OVER_TCP,
}
CELERY_VISIBILITY_TIMEOUT = _VISIBILITY_SECONDS
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_RETRY_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "runs"
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]  # never pickle
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# Security

# Older Safari: 'self' is not ws. A policy cannot name an IPv6 address; browsers would complain of it on every page.
_WEBSOCKETS = [origin.replace("http", "ws", 1) for origin in ALLOWED_ORIGINS if "[" not in origin]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "style-src-attr": [UNSAFE_INLINE],  # KaTeX places its glyphs by style attributes
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF, *_WEBSOCKETS],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"  # links to runs are secrets
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The proxy in front ends TLS. That a request came by https is uvicorn's to believe, of the addresses in its
# FORWARDED_ALLOW_IPS alone; a header that Django trusted from everybody would be the visitor's to forge.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _is_on("HTTPS_ONLY")
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # asked from inside, without the proxy
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE_SSL_REDIRECT else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_SSL_REDIRECT
# W021 wants `preload`, which puts a whole domain into every browser for years. hstspreload.org asks that no project
# send it by default.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

LOGGING = logging_settings(
    as_json=_text("LOG_FORMAT", default="console") == "json",
    level=_text("LOG_LEVEL", default="INFO"),
    secrets=[
        SECRET_KEY,
        MODEL_SERVER.api_key,
        METRICS_TOKEN,
        *(urlsplit(url).password or "" for url in (DATABASE_URL, REDIS_URL)),
        *(unquote(urlsplit(url).password or "") for url in (DATABASE_URL, REDIS_URL)),
    ],
)

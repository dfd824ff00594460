"""`manage.py up`: everything on this machine, started together and ended together. `make run` calls it."""

import errno
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from webapp.local import folder, model_server, parts, postgres, redis, remote_model, site
from webapp.local.supervising import Stopped, Supervisor


class Command(BaseCommand):
    help = "Starts what no environment variable points to: PostgreSQL, Redis, a model; then workers and the web server."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            self._run()
        except parts.PartError as error:
            sys.exit(f"{error}")
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            sys.exit(f"The disk that holds {settings.VAR} is full.")

    def _run(self) -> None:
        var, where = settings.VAR, site.address(settings.HOST, settings.PORT)
        (var / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            lock = stack.enter_context(folder.locked(var, address=where))
            folder.check_room(var)
            site.check_port(settings.HOST, settings.PORT)
            sockets = stack.enter_context(parts.private_folder())
            supervisor = Supervisor(var / "log", say=self._say, keep_open=[lock])
            _listen_for_stop(supervisor)
            stack.callback(supervisor.stop)
            try:
                environment = self._start_engines(supervisor, sockets)
                stack.enter_context(folder.published(var, environment))
                self._start_site(supervisor, environment)
                self._say(f"\nRetort is at {where}   (Ctrl-C stops everything; data and logs are in {var})")
                supervisor.watch()
            except Stopped:
                pass
            self._say(f"Stopping ({supervisor.stop_reason}).")

    def _start_engines(self, supervisor: Supervisor, sockets: Path) -> dict[str, str]:
        """Start what is embedded; return the environment that names every engine, ours or not."""
        var, ours = settings.VAR, list[parts.Part]()
        environment = {
            "SECRET_KEY": folder.secret_key(var) if "secret_key" in settings.EMBEDDED else settings.SECRET_KEY,
            "HOST": settings.HOST,
            "PORT": str(settings.PORT),
            "RETORT_VAR": str(var),
            "DATABASE_URL": settings.DATABASE_URL,
            "REDIS_URL": settings.REDIS_URL,
        }
        if "model" in settings.EMBEDDED:
            model = model_server.free_address()
            supervisor.launch(model_server.part(model))  # the slowest; awaited with the site
            environment |= {
                "VLLM_BASE_URL": model.base_url,
                "VLLM_API_KEY": model.api_key,
                "VLLM_MODEL": model.model,
            }
        else:
            environment |= self._look_at_model_server()
        if "postgres" in settings.EMBEDDED:
            ours.append(postgres.part(var / "postgres", sockets))
            environment["DATABASE_URL"] = postgres.url(sockets)
        if "redis" in settings.EMBEDDED:
            ours.append(redis.part(var / "redis", sockets))
            environment["REDIS_URL"] = redis.url(sockets)
        supervisor.start(*ours)
        return environment

    def _look_at_model_server(self) -> dict[str, str]:
        server = settings.MODEL_SERVER
        model = server.model
        try:
            first = remote_model.first_model(server.base_url, server.api_key)
            model = model or first
            self._say(f"model     {model} at {server.base_url}")
        except ValueError as error:
            self._say(f"model     {error} Starting all the same; lanes will fail until it answers.")
        return {"VLLM_BASE_URL": server.base_url, "VLLM_API_KEY": server.api_key, "VLLM_MODEL": model}

    def _start_site(self, supervisor: Supervisor, environment: dict[str, str]) -> None:
        supervisor.finish(site.preparing(environment))
        self._say("database  migrated, starter problems loaded")
        supervisor.start(
            site.worker("runs", threads=8, environment=environment),
            site.worker("suites", threads=2, environment=environment),
            site.web(host=settings.HOST, port=settings.PORT, environment=environment),
        )
        if "model" in settings.EMBEDDED:
            supervisor.wait_for({"model"})

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _listen_for_stop(supervisor: Supervisor) -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        supervisor.stop_requested += 1
        supervisor.stop_reason = signal.Signals(number).name

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

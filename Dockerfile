FROM python:3.12.12-slim-trixie
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 LOG_FORMAT=json
WORKDIR /app
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/run.txt
COPY manage.py ./
COPY webapp webapp
COPY workers workers
COPY templates templates
COPY static static
RUN useradd --system --create-home retort && mkdir var && chown retort var
USER retort
ARG VERSION=
ENV RETORT_VERSION=$VERSION
EXPOSE 8000
CMD ["uvicorn", "webapp.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--loop", "uvloop", \
     "--http", "httptools", "--lifespan", "on", "--no-access-log", "--ws-per-message-deflate", "false", \
     "--ws-max-size", "65536", "--timeout-graceful-shutdown", "5"]

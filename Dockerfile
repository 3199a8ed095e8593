# syntax=docker/dockerfile:1
# One image for every process of a production installation; docker-compose.yml says which command each runs.

FROM node:24-slim AS browser
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY frontend/ ./
COPY static/ ../static/
COPY templates/ ../templates/
RUN npm run build

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /venv
COPY requirements/production.txt /tmp/production.txt
RUN /venv/bin/pip install --require-hashes --no-deps -r /tmp/production.txt
WORKDIR /app
COPY manage.py pyproject.toml README.md LICENSE ./
COPY platform/ platform/
COPY governance/ governance/
COPY dashboards/ dashboards/
COPY agents_bridge/ agents_bridge/
COPY templates/ templates/
COPY static/ static/
COPY --from=browser /src/build/static/ build/static/
COPY requirements/sbom.py requirements/production.txt requirements/
COPY frontend/package-lock.json frontend/
RUN /venv/bin/python requirements/sbom.py --to sbom.cdx.json && rm -r requirements frontend
RUN DJANGO_SETTINGS_MODULE=stateward.settings.assets /venv/bin/python manage.py collectstatic --noinput \
    --ignore rest_framework --ignore redoc --ignore "swagger-ui-es-bundle*" --ignore "*.js.map"

FROM python:3.11-slim
RUN groupadd --gid 10001 stateward \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /run/stateward --shell /usr/sbin/nologin stateward \
    && install -d -o stateward -g stateward -m 0700 /run/stateward /var/lib/stateward /var/lib/stateward/backups
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app/platform:/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=stateward.settings.production \
    STATEWARD_HOME=/var/lib/stateward \
    STATEWARD_CONSOLE_SOCKET=/run/stateward/console.sock
WORKDIR /app
USER 10001:10001
EXPOSE 8000
# The data plane; the other services name their own command.
CMD ["python", "-m", "uvicorn", "stateward.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--loop", "uvloop", "--http", "stateward.web.http:Protocol", "--no-access-log", "--no-server-header", "--no-proxy-headers", \
     "--timeout-graceful-shutdown", "10"]

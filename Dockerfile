# One image for every Airflow service. Not run by the project's own tests: see docker-compose.yml.
FROM python:3.12-slim AS build
WORKDIR /opt/syncline
ENV VIRTUAL_ENV=/opt/venv
COPY requirements.lock requirements-uv.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements-uv.lock \
 && /opt/venv/bin/uv pip sync --no-cache --require-hashes --compile-bytecode requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY include include
RUN /opt/venv/bin/uv pip install --no-cache --no-deps --no-build-isolation --editable .

FROM python:3.12-slim
RUN useradd --system --create-home --home-dir /var/lib/syncline syncline
WORKDIR /opt/syncline
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/syncline /opt/syncline
COPY dags dags
COPY plugins plugins
COPY dbt_project dbt_project
COPY expectations expectations
ENV PATH=/opt/venv/bin:$PATH \
    SYNCLINE_ROOT=/opt/syncline \
    SYNCLINE_HOME=/var/lib/syncline \
    AIRFLOW_HOME=/var/lib/syncline/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/syncline/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/syncline/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False \
    DO_NOT_TRACK=1 \
    GX_ANALYTICS_ENABLED=false
USER syncline
ENTRYPOINT ["airflow"]

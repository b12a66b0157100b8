# For tests only: a node whose faults can be switched on. Its own file, so that no build of the production image can select it.
ARG BASE
FROM ${BASE}
COPY app /app/
ARG FAULTS
ENV HMN_FAULTS=${FAULTS}

"""The system on one machine: real PostgreSQL, real Apache Kafka, the services, all supervised.

Begin at ``stack.py``. Nothing here listens beyond 127.0.0.1, and no process is ended that was
not started from the same ``FRIKORT_HOME``.
"""

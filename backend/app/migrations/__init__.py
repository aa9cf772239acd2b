"""The versions of the tables, for Alembic. `core.migrate` applies them at the start.

Make a new one in ``backend/`` with ``alembic revision -m "what changes"``. A new column must be
nullable and a change must be additive, because servers of the previous version may still run.
"""

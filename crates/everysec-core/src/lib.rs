//! The byte work of everysec: see docs/aof-format.md for the format and ARCHITECTURE.md for who calls what.

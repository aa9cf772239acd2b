"""What everything else stands on: settings, database, cryptography, clock, errors, events."""

"""The top floor: what runs, in what order. Only bench and tests import it."""

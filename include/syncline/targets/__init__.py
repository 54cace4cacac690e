"""Systems that we put right: reading their change list, sending corrections, proving what happened."""

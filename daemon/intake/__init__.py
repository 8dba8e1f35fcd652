"""How work comes in: submissions, watched folders and mailboxes."""

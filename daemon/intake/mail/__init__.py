"""Mailboxes: attachments come in by IMAP, and their senders are told by SMTP what became of them."""

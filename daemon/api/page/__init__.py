"""The page at `/` of the API's port: its files, sessions and routes; all that it can do, the API can."""

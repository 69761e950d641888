"""Messages of the API to domain values and back; every bounds check of a request."""

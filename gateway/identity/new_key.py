"""`python -m gateway.identity.new_key`: prints a new API key, and on standard error the hash for the identities file.
Keeps neither."""

import sys

from gateway.identity.api_keys import hash_of, new_key


def main() -> None:
    """The key is shown once: only its owner should see it."""
    key = new_key()
    print(f'for the identities file: api_keys = ["{hash_of(key)}"]', file=sys.stderr)
    print(key)


if __name__ == "__main__":
    main()

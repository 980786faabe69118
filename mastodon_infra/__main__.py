"""``python -m mastodon_infra``: the command line without its installed name."""

from mastodon_infra.cli.app import main

if __name__ == "__main__":
    main()

"""``python -m pipeline``."""

from pipeline.signals import run


def _main() -> None:
    from pipeline.cli import main  # signals are heeded while all the rest is imported

    main()


if __name__ == "__main__":
    run(_main)

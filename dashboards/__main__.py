"""`python -m dashboards`: write dashboards/grafana/dashboards/*.json anew, and nothing else."""

from dashboards.catalog import DIRECTORY, files


def main() -> None:
    """Write what is made, remove what is made no longer."""
    written = files()
    for stray in set(DIRECTORY.glob("*.json")) - set(written):
        stray.unlink()
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Where the project's own files lie: in its source tree, or inside the installed package."""

from pathlib import Path


def project_folder() -> Path:
    """The folder with `app.py`, `pages` and `assets`.

    >>> (project_folder() / "assets" / "weights" / "tiny-vgg.json").is_file()
    True
    """
    package = Path(__file__).parent
    installed = package / "dashboard"  # pyproject.toml lays it there
    return installed if installed.is_dir() else package.parent

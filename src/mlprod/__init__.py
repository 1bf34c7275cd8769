"""What every notebook of the course imports: `start`, `tr` and the plotting helpers stay light to import."""

from mlprod.language import language, start, tr

__all__ = ["language", "start", "tr"]
__version__ = "0.1.0"

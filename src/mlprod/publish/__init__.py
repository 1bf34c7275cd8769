"""The course for reading away from JupyterLab: slides, a web site, PDF."""

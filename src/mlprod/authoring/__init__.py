"""Sources to notebooks: grammar, builder, linter, coverage, papermill runner."""

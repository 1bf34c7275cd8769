"""The one exception whose message is written for the reader: what happened and what to do."""


class CourseError(Exception):
    """Something the reader can mend. Its text is already in the reader's language."""

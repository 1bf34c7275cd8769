"""Grading with nbgrader: forked kernels, the audit, feedback."""

"""The demonstration: example content, a stage to run on, and the story that `--once` plays.

It uses the service as any user would: over HTTP, over SMTP, through the same use-cases.
"""

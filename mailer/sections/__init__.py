"""The sections of the configuration: what each setting is, its default, what it must look like.

`config` reads them from file and environment. What coordinators set lives in tables instead.
"""

"""Editors under test behind one interface, one module per kind: own and outside models, folders, commands, endpoints.

`editor` has the interface, `entries` the YAML file that describes an editor, `registry` opens one by its kind. An
editor never raises because of an item: it returns an image or a failure with its reason.
"""

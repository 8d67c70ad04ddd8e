"""What can go wrong with the classifier's files.

ClassifierError
|-- ArtifactError   a trained artifact is missing, corrupt, foreign or of another version
`-- DataError       a table of labelled rows cannot be learned from or measured on
"""

import zipfile
import zlib

# What NumPy, zipfile and zlib raise on an .npz that is cut, foreign, encrypted or damaged inside.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class ClassifierError(Exception):
    """One line for a person: what is wrong, where, and what mends it."""


class ArtifactError(ClassifierError):
    """An artifact cannot be loaded; the message names the file and the command that makes it again."""


class DataError(ClassifierError):
    """A table is not as `docs/classifier.md` says; the message names the file, the column and the row."""

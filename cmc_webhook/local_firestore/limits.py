"""The limits of Firestore that this server enforces. A request over one is an INVALID_ARGUMENT.

Most are listed at https://cloud.google.com/firestore/quotas; the others are in the comments of
https://github.com/googleapis/googleapis/tree/master/google/firestore/v1.
"""

REQUEST_BYTES = 10 * 1024 * 1024

# Resource names.
ID_BYTES = 1500
NAME_BYTES = 6 * 1024
COLLECTION_DEPTH = 100

# Documents.
DOCUMENT_BYTES = 1024 * 1024
FIELD_NAME_BYTES = 1500
VALUE_BYTES = 1024 * 1024 - 89
VALUE_DEPTH = 20
VECTOR_DIMENSIONS = 2048

# Writes.
TRANSFORMS_PER_DOCUMENT = 500
TRANSFORM_PATH_SEGMENTS = 20

# Queries.
DISJUNCTIONS = 30
INEQUALITY_FIELDS = 10
# Of a value in a filter, counted as in a document. Not documented: so does Google's emulator.
FILTER_VALUE_BYTES = 1500
NOT_IN_VALUES = 10
AGGREGATIONS = 5

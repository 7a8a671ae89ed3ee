"""The indexes of production as the content of a firestore.indexes.json of the Firebase CLI."""

from cmc_webhook.reading.indexes import all_queries

MODES = {
    "order=ascending": {"order": "ASCENDING"},
    "array-config=contains": {"arrayConfig": "CONTAINS"},
}


def of_production():
    queries = all_queries()
    return {
        "indexes": [
            {
                "collectionGroup": each.collection,
                "queryScope": "COLLECTION",
                "fields": [
                    {"fieldPath": name, **MODES[mode]},
                    {"fieldPath": last, "order": "DESCENDING"},
                ],
            }
            for each in queries
            for name, mode, last in each.composites()
        ],
        "fieldOverrides": [
            {"collectionGroup": each.collection, "fieldPath": name, "indexes": []}
            for each in queries
            for name in each.exempted()
        ],
    }

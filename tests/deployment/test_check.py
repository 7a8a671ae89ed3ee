"""`check`: through the real function into a Firestore, back, and away."""

import pytest

from tests.deployment.test_rotate import OLD

STATUS = "cmc-webhook"


@pytest.fixture
def serving(cloud, client, firestore_address, make_function, serve_app):
    """A project whose function runs here, on a real Firestore; return what alters its settings."""

    def serve(key=OLD, **environ):
        url = serve_app(make_function(CMC_API_KEYS=OLD, **environ).application)
        cloud.project = client.project
        cloud.environ["FIRESTORE_EMULATOR_HOST"] = firestore_address
        cloud.gcloud("services", "enable", "cloudfunctions", "secretmanager", "run")

        def add(state):
            version = {"state": "ENABLED", "content": f"{key}\nolder"}
            state["secrets"]["cmc-api-keys"] = {
                "annotations": {},
                "versions": [version],
                "policy": [],
            }
            read = {"key": "CMC_API_KEYS", "secret": "cmc-api-keys", "version": "1"}
            state["functions"][STATUS] = {
                "name": f"projects/{client.project}/locations/asia-northeast1/functions/{STATUS}",
                "serviceConfig": {"uri": url, "secretEnvironmentVariables": [read]},
            }

        cloud.update(add)
        return cloud

    return serve


def test_a_record_is_stored_read_and_deleted(serving, documents):
    done = serving().run("check")

    assert done.returncode == 0, done.stderr
    assert "The function stored it as " in done.stdout
    assert "database (default)" in done.stdout
    assert documents() == {}
    assert OLD not in done.stdout


def test_a_key_that_is_refused(serving, documents):
    done = serving(key="wrong").run("check")

    assert done.returncode == 1
    assert "The function refused the key (401)" in done.stderr


def test_a_function_that_writes_to_another_place(serving, documents):
    """The deployment says one collection, the code in service uses another."""
    done = serving(CMC_COLLECTION="others").run("check")

    assert done.returncode == 1
    assert "is not in this database" in done.stderr
    assert len(documents("others")) == 1


def test_a_function_that_is_not_there(cloud):
    cloud.gcloud("services", "enable", "cloudfunctions")

    done = cloud.run("check")

    assert "There is no function cmc-webhook in p: deploy it first." in done.stderr

"""`undeploy`: asks twice, takes away what was made, leaves the data."""

import re

import pytest


def test_what_was_deployed_goes_and_the_data_stays(cloud):
    assert (
        cloud.deploy("--retention-days", "30", "--inbound", "--alert-email", "a@b.jp").returncode
        == 0
    )
    before = cloud.state
    cloud.calls()

    for answers in ("n\n", "y\nn\n"):
        refused = cloud.run("undeploy", stdin=answers)
        assert refused.returncode == 1
        assert "function cmc-webhook, cmc-inbound" in refused.stdout
        assert cloud.state["changes"] == before["changes"]
    done = cloud.run("undeploy", stdin="y\ny\n")

    assert done.returncode == 0, done.stderr
    state = cloud.state
    assert state["functions"] == state["secrets"] == {}
    assert state["accounts"] == state["policy"] == []
    assert state["channels"] == state["policies"] == []
    for kept in ("databases", "buckets", "indexes", "fields", "services"):
        assert len(state[kept]) == len(before[kept])
    assert "gcloud firestore databases delete --database='cmc' --project=p" in done.stdout
    assert cloud.run("undeploy").stdout == "Nothing of this is in p.\n"


@pytest.mark.slow
def test_it_goes_on_after_a_failure(cloud):
    assert cloud.deploy("--retention-days", "30").returncode == 0
    cloud.write("fail", "^secrets delete")
    failed = cloud.run("undeploy", "--yes")
    cloud.write("fail", "")

    done = cloud.run("undeploy", "--yes")

    assert failed.returncode == 1
    assert re.search("Google said: .*lacks it", failed.stderr)
    assert cloud.state["functions"] == {}
    assert "function cmc-webhook" not in done.stdout
    assert cloud.state["secrets"] == {}

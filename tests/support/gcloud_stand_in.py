"""
Stands in for gcloud: a program that keeps a project in a folder and answers as Google documents it.

It refuses what Google refuses: what is not enabled, not there, there already, or not allowed to the
accounts that build and run. It imports nothing of ours, and starts fast as it is called often.
$GCLOUD_STATE has `state.json` and `calls` (one call a line), and may have `fail` (an expression;
calls that match are refused) and `kill` (a number: that change ends the caller by SIGKILL).
"""

import datetime
import fcntl
import json
import os
import re
import signal
import sys

FOLDER = os.environ["GCLOUD_STATE"]
LOOKS_UNTIL_READY = 2
APIS = {
    "firestore": "firestore",
    "secrets": "secretmanager",
    "functions": "cloudfunctions",
    "run": "run",
    "iam": "iam",
    "storage": "storage",
    "monitoring": "monitoring",
}
NEW_PROJECT = {
    "services": ["serviceusage", "cloudresourcemanager", "logging"],
    "policy": [],
    "databases": {},
    "fields": {},
    "ttls": {},
    "indexes": [],
    "accounts": [],
    "secrets": {},
    "buckets": {},
    "functions": {},
    "runs": {},
    "log": [],
    "cmc": {},
    "channels": [],
    "policies": [],
    "metrics": [],
    "account": "me@example.jp",
    "components": ["alpha", "beta", "core"],
    "changes": 0,
    "numbers": 0,
}


class Refusal(Exception):
    pass


class Project:
    """The state, and one method for each command: its words joined by `_`."""

    def __init__(self, state, words, options):
        self.state = state
        self.words = words
        self.options = options
        self.project = options.get("project", "")
        self.changed = False

    def option(self, name):
        if name not in self.options:
            raise Refusal(f"argument --{name}: Must be specified.")
        return self.options[name]

    def change(self):
        self.changed = True
        self.state["changes"] += 1
        return self.state

    def number(self):
        self.state["numbers"] += 1
        return self.state["numbers"]

    def auth_list(self):
        account = self.state["account"]
        return [{"account": account, "status": "ACTIVE"}] if account else []

    def auth_print_access_token(self):
        return "token"

    def version(self):
        return {"Google Cloud SDK": "528.0.0", **dict.fromkeys(self.state["components"], "2025")}

    def services_list(self):
        return [
            {
                "config": {"name": f"{name}.googleapis.com"},
                "parent": "projects/1",
                "state": "ENABLED",
                "name": f"projects/1/services/{name}.googleapis.com",
            }
            for name in self.state["services"]
        ]

    def services_enable(self, *names):
        services = self.change()["services"]
        services += [n for name in names if (n := name.partition(".")[0]) not in services]

    # Firestore

    def database(self):
        name = self.options.get("database", "(default)")
        if name not in self.state["databases"]:
            raise Refusal(f"NOT_FOUND: The database {name} does not exist for project p")
        return name

    def _database(self, name):
        return {
            "name": f"projects/{self.project}/databases/{name}",
            **self.state["databases"][name],
        }

    def firestore_databases_list(self):
        return [self._database(name) for name in self.state["databases"]]

    def firestore_databases_describe(self):
        return self._database(self.database())

    def firestore_databases_create(self):
        name = self.option("database")
        if name in self.state["databases"]:
            raise Refusal("ALREADY_EXISTS: Database already exists. Please use another database_id")
        self.change()["databases"][name] = {
            "type": "FIRESTORE_NATIVE",
            "locationId": self.option("location"),
            "databaseEdition": "STANDARD",
            "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
        }

    def _field(self, name):
        return f"{self._group()}/fields/{name}"

    def _group(self):
        database = f"projects/{self.project}/databases/{self.database()}"
        return f"{database}/collectionGroups/{self.option('collection-group')}"

    def firestore_fields_ttls_list(self):
        self.database()
        return [
            {"name": name, "ttlConfig": {"state": self.ready(policy, "ACTIVE")}, "indexConfig": {}}
            for name, policy in self.state["ttls"].items()
        ]

    def firestore_fields_ttls_update(self, name):
        self.change()["ttls"].setdefault(self._field(name), {"looks": 0})

    def firestore_indexes_fields_list(self):
        self.database()
        default = f"projects/{self.project}/databases/d/collectionGroups/__default__/fields/*"
        fields = {default: {"indexes": [{"queryScope": "COLLECTION"}]}, **self.state["fields"]}
        return [{"name": name, "indexConfig": config} for name, config in fields.items()]

    def firestore_indexes_fields_update(self, name):
        self.change()["fields"][self._field(name)] = {}

    def ready(self, thing, state):
        """Return CREATING until there were some looks."""
        thing["looks"] += 1
        return state if thing["looks"] > LOOKS_UNTIL_READY else "CREATING"

    def firestore_indexes_composite_list(self):
        self.database()
        return [
            {**index["json"], "state": self.ready(index, "READY")}
            for index in self.state["indexes"]
        ]

    def firestore_indexes_composite_create(self):
        group = self._group()
        fields = [
            dict(part.split("=") for part in each.split(","))
            for each in self.option("field-config")
        ]
        fields = [
            {"fieldPath": each["field-path"]}
            | ({"order": each["order"].upper()} if "order" in each else {"arrayConfig": "CONTAINS"})
            for each in fields
        ]
        fields.append({"fieldPath": "__name__", "order": fields[-1]["order"]})
        for index in self.state["indexes"]:
            if index["json"]["fields"] == fields and index["json"]["name"].startswith(f"{group}/"):
                raise Refusal("ALREADY_EXISTS: index already exists")
        json_ = {
            "name": f"{group}/indexes/i{self.number()}",
            "queryScope": "COLLECTION",
            "fields": fields,
        }
        self.change()["indexes"].append({"json": json_, "looks": 0})

    # Accounts and policies

    def iam_service_accounts_list(self):
        return [
            {"email": email, "name": f"projects/{self.project}/serviceAccounts/{email}"}
            for email in self.state["accounts"]
        ]

    def iam_service_accounts_describe(self, email):
        self.must_exist(email)
        return {"email": email}

    def iam_service_accounts_create(self, name):
        email = f"{name}@{self.project}.iam.gserviceaccount.com"
        if email in self.state["accounts"]:
            raise Refusal(f"ALREADY_EXISTS: Service account {name} already exists within project")
        self.change()["accounts"].append(email)

    def iam_service_accounts_delete(self, email):
        self.must_exist(email)
        self.change()["accounts"].remove(email)

    def must_exist(self, email):
        if email.endswith("gserviceaccount.com") and email not in self.state["accounts"]:
            raise Refusal(f"INVALID_ARGUMENT: Service account {email} does not exist.")

    def bind(self, policy):
        member, role = self.option("member"), self.option("role")
        self.must_exist(member.partition(":")[2])
        text = self.options.get("condition", "None")
        binding = {"role": role, "members": [member]}
        if text != "None":
            parts = dict(part.split("=", 1) for part in text.split(","))
            binding["condition"] = {"expression": parts["expression"], "title": parts["title"]}
        self.change()
        if binding not in policy:
            policy.append(binding)

    def has(self, policy, role, member):
        return any(each["role"] == role and member in each["members"] for each in policy)

    def policy(self, policy):
        return {"version": 1, "etag": "BwY=", "bindings": policy} if policy else {"etag": "ACAB"}

    def projects_get_iam_policy(self, project):
        return self.policy(self.state["policy"])

    def projects_add_iam_policy_binding(self, project):
        self.bind(self.state["policy"])

    def projects_remove_iam_policy_binding(self, project):
        policy, member = self.change()["policy"], self.option("member")
        policy[:] = [
            b for b in policy if (b["role"], b["members"]) != (self.option("role"), [member])
        ]

    # Secrets

    def secret(self, name):
        if name not in self.state["secrets"]:
            raise Refusal(f"NOT_FOUND: Secret [projects/1/secrets/{name}] not found")
        return self.state["secrets"][name]

    def secrets_list(self):
        return [self.secrets_describe(name) for name in self.state["secrets"]]

    def secrets_describe(self, name):
        notes = self.secret(name)["annotations"]
        about = {"annotations": notes} if notes else {}
        return {"name": f"projects/1/secrets/{name}", "replication": {"automatic": {}}, **about}

    def secrets_create(self, name):
        if name in self.state["secrets"]:
            raise Refusal(f"ALREADY_EXISTS: Secret [projects/1/secrets/{name}] already exists.")
        self.change()["secrets"][name] = {"annotations": {}, "versions": [], "policy": []}

    def secrets_update(self, name):
        notes = self.secret(name)["annotations"]
        self.change()
        if "remove-annotations" in self.options:
            notes.pop(self.options["remove-annotations"], None)
        else:
            key, value = self.option("update-annotations").split("=")
            notes[key] = value

    def secrets_delete(self, name):
        self.secret(name)
        del self.change()["secrets"][name]

    def secrets_get_iam_policy(self, name):
        return self.policy(self.secret(name)["policy"])

    def secrets_add_iam_policy_binding(self, name):
        self.bind(self.secret(name)["policy"])

    def secrets_versions_list(self, name):
        versions = self.secret(name)["versions"]
        return [
            {
                "name": f"projects/1/secrets/{name}/versions/{number}",
                "state": version["state"],
                "createTime": f"2026-11-27T00:00:{number:02}Z",
            }
            for number, version in reversed(list(enumerate(versions, 1)))
        ]

    def secrets_versions_add(self, name):
        if self.option("data-file") != "-":
            raise Refusal("a secret belongs on standard input")
        content = sys.stdin.read()
        if not content:
            raise Refusal("INVALID_ARGUMENT: the payload is empty")
        versions = self.secret(name)["versions"]
        self.change()
        versions.append({"state": "ENABLED", "content": content})

    def secrets_versions_access(self, number):
        versions = self.secret(self.option("secret"))["versions"]
        if versions[int(number) - 1]["state"] != "ENABLED":
            raise Refusal(f"FAILED_PRECONDITION: version {number} is in DISABLED state.")
        return versions[int(number) - 1]["content"]

    def secrets_versions_disable(self, number):
        versions = self.secret(self.option("secret"))["versions"]
        self.change()
        versions[int(number) - 1]["state"] = "DISABLED"

    # Storage

    def bucket(self, url):
        name = url.removeprefix("gs://")
        if name not in self.state["buckets"]:
            raise Refusal(f"gs://{name} not found: 404.")
        return self.state["buckets"][name]

    def storage_buckets_list(self):
        assert "raw" in self.options
        return [
            {"name": name, "kind": "storage#bucket", **bucket["json"]}
            for name, bucket in self.state["buckets"].items()
        ]

    def storage_buckets_describe(self, url):
        return {"name": url, **self.bucket(url)["json"]}

    def storage_buckets_create(self, url):
        name = url.removeprefix("gs://")
        if name in self.state["buckets"]:
            raise Refusal(
                "HTTPError 409: Your previous request to create the named bucket succeeded"
            )
        json_ = {"location": self.option("location").upper()}
        self.change()["buckets"][name] = {"json": json_, "policy": []}

    def storage_buckets_update(self, url):
        with open(self.option("lifecycle-file")) as file:
            self.bucket(url)["json"]["lifecycle"] = json.load(file)
        self.change()

    def storage_buckets_get_iam_policy(self, url):
        return self.policy(self.bucket(url)["policy"])

    def storage_buckets_add_iam_policy_binding(self, url):
        self.bind(self.bucket(url)["policy"])

    # Functions

    def functions_list(self):
        return list(self.state["functions"].values())

    def functions_describe(self, name):
        if name not in self.state["functions"]:
            raise Refusal(f"ResponseError: status=[404], message=[Resource {name} not found]")
        return self.state["functions"][name]

    def functions_deploy(self, name):
        old = dict(self.state["functions"].get(name, {}))
        service, build = dict(old.get("serviceConfig", {})), dict(old.get("buildConfig", {}))
        for option, place, key in (
            ("runtime", build, "runtime"),
            ("entry-point", build, "entryPoint"),
            ("build-service-account", build, "serviceAccount"),
            ("service-account", service, "serviceAccountEmail"),
            ("memory", service, "availableMemory"),
            ("cpu", service, "availableCpu"),
            ("concurrency", service, "maxInstanceRequestConcurrency"),
            ("max-instances", service, "maxInstanceCount"),
            ("timeout", service, "timeoutSeconds"),
        ):
            if option in self.options:
                value = self.options[option].removesuffix("s" if option == "timeout" else "\0")
                place[key] = int(value) if value.isdigit() and option != "cpu" else value
        for option, place, key in (
            ("update-env-vars", service, "environmentVariables"),
            ("update-labels", old, "labels"),
        ):
            pairs = [pair.split("=", 1) for pair in self.options.get(option, "").split(",") if pair]
            place[key] = {**place.get(key, {}), **dict(pairs)}
        secrets = {each["key"]: each for each in service.get("secretEnvironmentVariables", [])}
        if text := self.options.get("update-secrets"):
            key, _, place = text.partition("=")
            secret, _, version = place.partition(":")
            self.check_secret(secret, version, service["serviceAccountEmail"])
            secrets[key] = {"key": key, "projectId": "1", "secret": secret, "version": version}
        service["secretEnvironmentVariables"] = list(secrets.values())
        builder = f"serviceAccount:{build['serviceAccount'].rpartition('/')[2]}"
        if not self.has(self.state["policy"], "roles/cloudbuild.builds.builder", builder):
            raise Refusal("OperationError: code=3, message=Build failed: no permission")
        revision = f"{name}-{self.number():05}-abc"
        service |= {
            "uri": self.state.get("url") or f"https://{name}-x-an.a.run.app",
            "revision": revision,
            "service": f"projects/{self.project}/services/{name}",
        }
        self.change()["functions"][name] = {
            "name": f"projects/{self.project}/locations/{self.option('region')}/functions/{name}",
            "environment": "GEN_2",
            "state": "ACTIVE",
            "buildConfig": build,
            "serviceConfig": service,
            "labels": {**old["labels"], "deployment-tool": "cli-gcloud"},
            "updateTime": now(),
            "url": service["uri"],
        }
        runs = self.state["runs"].setdefault(name, {"policy": [], "annotations": {}})
        runs["annotations"].pop("run.googleapis.com/invoker-iam-disabled", None)

    def check_secret(self, secret, version, email):
        if self.secret(secret)["versions"][int(version) - 1]["state"] != "ENABLED":
            raise Refusal("OperationError: code=3, message=secret version is in DISABLED state")
        role = "roles/secretmanager.secretAccessor"
        if not self.has(self.secret(secret)["policy"], role, f"serviceAccount:{email}"):
            raise Refusal("OperationError: code=3, message=Permission denied on secret")

    def functions_delete(self, name):
        self.functions_describe(name)
        del self.change()["functions"][name], self.state["runs"][name]

    def run_of(self, name):
        if name not in self.state["runs"]:
            raise Refusal(f"NOT_FOUND: Resource '{name}' of kind 'SERVICE' does not exist.")
        return self.state["runs"][name]

    def run_services_list(self):
        return [
            {
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Service",
                "metadata": {"name": name, "annotations": run["annotations"]},
            }
            for name, run in self.state["runs"].items()
        ]

    def run_services_get_iam_policy(self, name):
        return self.policy(self.run_of(name)["policy"])

    def run_services_add_iam_policy_binding(self, name):
        self.bind(self.run_of(name)["policy"])

    def run_services_update(self, name):
        assert "no-invoker-iam-check" in self.options
        self.change()
        self.run_of(name)["annotations"]["run.googleapis.com/invoker-iam-disabled"] = "true"

    # Monitoring

    def labels(self, option):
        return dict(pair.split("=", 1) for pair in self.option(option).split(","))

    def named(self, kind, name):
        for each in self.state[kind]:
            if each["name"] == name:
                return each
        raise Refusal(f"NOT_FOUND: {name} not found.")

    def monitoring_channels_list(self):
        return self.state["channels"]

    def monitoring_channels_create(self):
        channel = {
            "name": f"projects/{self.project}/notificationChannels/{self.number()}",
            "type": self.option("type"),
            "labels": self.labels("channel-labels"),
            "userLabels": self.labels("user-labels"),
        }
        self.change()["channels"].append(channel)

    def monitoring_channels_update(self, name):
        self.named("channels", name)["labels"] |= self.labels("update-channel-labels")
        self.change()

    def monitoring_channels_delete(self, name):
        channel = self.named("channels", name)
        if any(name in each["notificationChannels"] for each in self.state["policies"]):
            raise Refusal("FAILED_PRECONDITION: the channel is in use")
        self.change()["channels"].remove(channel)

    def monitoring_policies_list(self):
        return self.state["policies"]

    def _policy_of_file(self, channels):
        with open(self.option("policy-from-file")) as file:
            policy = json.load(file)
        [condition] = policy["conditions"]
        absent = condition.get("conditionAbsent", {}).get("filter", "")
        if metric := re.search(r"logging.googleapis.com/user/(\w+)", absent):
            self.named("metrics", metric[1])
        if "conditionMatchedLog" in condition and "alertStrategy" not in policy:
            raise Refusal("INVALID_ARGUMENT: a notification rate limit is required")
        return policy | {
            "notificationChannels": [self.named("channels", self.option(channels))["name"]]
        }

    def monitoring_policies_create(self):
        policy = self._policy_of_file("notification-channels")
        policy["name"] = f"projects/{self.project}/alertPolicies/{self.number()}"
        self.change()["policies"].append(policy)

    def monitoring_policies_update(self, name):
        self.named("policies", name).update(self._policy_of_file("set-notification-channels"))
        self.change()

    def monitoring_policies_delete(self, name):
        policy = self.named("policies", name)
        self.change()["policies"].remove(policy)

    def logging_metrics_list(self):
        return self.state["metrics"]

    def logging_metrics_describe(self, name):
        return self.named("metrics", name)

    def logging_metrics_create(self, name):
        self.change()["metrics"].append({"name": name, "filter": self.option("log-filter")})

    def logging_metrics_delete(self, name):
        metric = self.named("metrics", name)
        self.change()["metrics"].remove(metric)

    # The log. CMC posts to each function whenever somebody looks, and a person enters the new key
    # in CMC once every function accepts it.

    def logging_read(self, text):
        self.post()
        found = dict(
            re.findall(r'(service_name|revision_name|credential)=~?"((?:[^"\\]|\\.)*)"', text)
        )
        pattern = found["credential"].replace("\\\\", "\\")
        return [
            {"timestamp": each["at"], "jsonPayload": {"credential": each["credential"]}}
            for each in reversed(self.state["log"])
            if each["service"] == found["service_name"]
            and each["revision"] == found["revision_name"]
            and re.search(pattern, each["credential"])
        ][: int(self.options["limit"])]

    def keys_of(self, name):
        for each in self.state["functions"][name]["serviceConfig"]["secretEnvironmentVariables"]:
            version = self.state["secrets"][each["secret"]]["versions"][int(each["version"]) - 1]
            return version["content"].splitlines() if version["state"] == "ENABLED" else []

    def post(self):
        firsts = {self.keys_of(name)[0] for name in self.state["cmc"]}
        for name, key in self.state["cmc"].items():
            if len(firsts) == 1 and key not in firsts and self.state.get("posts", 0) >= 2:
                self.state["cmc"][name] = key = next(iter(firsts))
            position = self.keys_of(name).index(key) + 1
            revision = self.state["functions"][name]["serviceConfig"]["revision"]
            entry = {
                "service": name,
                "revision": revision,
                "credential": f"CMC_API_KEYS[{position}]",
            }
            self.state["log"].append({**entry, "at": now()})
        self.state["posts"] = self.state.get("posts", 0) + 1

    def check_cmc(self):
        for name, key in self.state["cmc"].items():
            if key not in self.keys_of(name):
                with open(f"{FOLDER}/refused", "a") as file:
                    file.write(f"{name} after {' '.join(self.words)}\n")


def now():
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "123Z")


def at(item, path):
    for name in path.split("."):
        name, _, index = name.partition("[")
        item = (item or {}).get(name)
        if index:
            item = item[int(index[:-1])] if item and len(item) > int(index[:-1]) else None
    return item


def matches(item, text):
    for condition in text.split(" AND "):
        path, sign, wanted = re.fullmatch(r"([\w.\[\]]+)(=|~)(.*)", condition).groups()
        value = str(at(item, path))
        if not (re.search(wanted, value) if sign == "~" else value == wanted.strip('"')):
            return False
    return True


def shown(answer, options):
    """Return what gcloud prints of *answer*."""
    if isinstance(answer, str):
        return answer
    if path := options.get("flatten", "").removesuffix("[]"):
        *parents, last = path.split(".")
        flat = []
        for item in answer:
            for each in at(item, path) or ():
                copy = json.loads(json.dumps(item))
                at(copy, ".".join(parents))[last] = each
                flat.append(copy)
        answer = flat
    if "filter" in options:
        answer = [item for item in answer if matches(item, options["filter"])]
    if "limit" in options:
        answer = answer[: int(options["limit"])]
    if found := re.fullmatch(r"value\((.*?)(\.basename\(\))?\)", options.get("format", "")):
        items = answer if isinstance(answer, list) else [answer]
        values = [str(at(item, found[1]) or "") for item in items]
        return "\n".join(value.rpartition("/")[2] if found[2] else value for value in values)
    return json.dumps(answer) if answer is not None else ""


def parsed(arguments):
    words, options = [], {}
    for word in arguments:
        name, is_set, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            words.append(word)
        elif name == "field-config":
            options.setdefault(name, []).append(value)
        else:
            options[name] = value if is_set else True
    return words, options


def method_of(project, words):
    plain = [word for word in words if word not in ("alpha", "beta")]
    for length in range(len(plain), 0, -1):
        name = "_".join(plain[:length]).replace("-", "_")
        if found := getattr(project, name, None) if re.fullmatch("[a-z_]+", name) else None:
            return found, plain[length:]
    raise Refusal(f"Invalid choice: '{' '.join(words)}'.")


def read_file(name):
    try:
        with open(f"{FOLDER}/{name}") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def answer(state, words, options, whole):
    project = Project(state, words, options)
    method, arguments = method_of(project, words)
    api = APIS.get(next(word for word in words if word not in ("alpha", "beta")))
    if api and api not in state["services"]:
        raise Refusal(f"PERMISSION_DENIED: API [{api}.googleapis.com] not enabled on project [p].")
    if (fail := read_file("fail")) and re.search(fail, whole):
        raise Refusal(
            f"({'.'.join(['gcloud', *words[:3]])}) PERMISSION_DENIED: The caller\n lacks it."
        )
    result = method(*arguments)
    kills = project.changed and read_file("kill") == str(state["changes"])
    if state["cmc"]:
        project.check_cmc()
    return state, result, kills


def main():
    whole = " ".join(sys.argv[1:])
    with open(f"{FOLDER}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(f"{FOLDER}/calls", "a") as calls:
            calls.write(json.dumps(sys.argv[1:]) + "\n")
        words, options = parsed(sys.argv[1:])
        state = json.loads(read_file("state.json") or json.dumps(NEW_PROJECT))
        try:
            if os.environ.get("CLOUDSDK_CORE_DISABLE_PROMPTS") != "1":
                raise Refusal("it would ask")
            state, result, kills = answer(state, words, options, whole)
        except Refusal as refusal:
            sys.exit(f"WARNING: words of a warning\nERROR: {refusal}")
        with open(f"{FOLDER}/new.json", "w") as file:
            json.dump(state, file)
        os.replace(f"{FOLDER}/new.json", f"{FOLDER}/state.json")
        if kills:
            os.remove(f"{FOLDER}/kill")
            os.kill(os.getppid(), signal.SIGKILL)
            sys.exit(1)
    print(shown(result, options))

"""Judges events of OCSF 1.8.0 by the published schema, closed: what it does not name is an error.

Comes in: a file of events, one JSON object a line. Goes out: a line for each error, and as last one
`ocsf: N records, M classes, E errors`. With --mutate instead: every class's first event is spoilt in
many ways, and each must be refused, so that a validator that takes everything is noticed.
"""

import argparse
import copy
import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSION = "1.8.0"
SHOWN = 40


class Judge:
    """The schema, with a validator for each class and set of profiles."""

    def __init__(self):
        self.schema = get_ocsf_schema(version=VERSION)
        self.names = {c["uid"]: c["name"] for c in self.schema["classes"].values()}
        self.embedded = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))
        self.validators = {}

    def validator(self, name, profiles):
        key = (name, tuple(profiles))
        if key not in self.validators:
            schema = self.embedded.get_class_schema(class_name=name, profiles=list(profiles))
            self.validators[key] = Draft202012Validator(schema)
        return self.validators[key]

    def errors(self, event):
        """What is wrong with an event, in words."""
        name = self.names.get(event.get("class_uid"))
        if name is None:
            return [f"class_uid: there is no class {event.get('class_uid')}"]
        metadata = event.get("metadata")
        profiles = metadata.get("profiles", []) if isinstance(metadata, dict) else []
        known = self.schema["classes"][name].get("profiles") or []
        found = [f"metadata.profiles: {name} has no {p}" for p in profiles if p not in known]
        if found:
            return found
        for error in self.validator(name, profiles).iter_errors(event):
            place = ".".join(str(part) for part in error.absolute_path)
            found.append(f"{name} {place}: {error.message[:300]}")
        return found + self.siblings(name, event)

    def siblings(self, name, event):
        """What a JSON schema does not say: numbers and names that belong together."""
        found = []
        klass = self.schema["classes"][name]
        attributes = klass["attributes"]
        uid, activity = event.get("class_uid"), event.get("activity_id")
        if event.get("type_uid") != uid * 100 + activity:
            found.append(f"{name} type_uid: {event.get('type_uid')} is not class and activity")
        metadata = event.get("metadata")
        if not isinstance(metadata, dict) or metadata.get("version") != VERSION:
            found.append(f"{name} metadata.version: not {VERSION}")
        # Whatever an enumeration calls its value, its sibling says too; 99 has a word of the source.
        for attribute, said in (
            ("activity_id", "activity_name"),
            ("severity_id", "severity"),
            ("status_id", "status"),
            ("class_uid", "class_name"),
            ("category_uid", "category_name"),
            ("type_uid", "type_name"),
            ("launch_type_id", "launch_type"),
        ):
            value = event.get(attribute)
            word = event.get(said)
            row = attributes.get(attribute, {}).get("enum", {}).get(str(value))
            if value is None or value == 99 or row is None:
                continue
            if word != row["caption"]:
                found.append(f"{name} {said}: {word!r} is not {row['caption']!r}")
        return found


def spoilt(event):
    """The event with one thing wrong in each: a name, and the event."""

    def changed(name, change):
        other = copy.deepcopy(event)
        change(other)
        return name, other

    yield changed("a name that no class has", lambda e: e.update(bogus=1))
    yield changed("a name that metadata has not", lambda e: e["metadata"].update(bogus=1))
    yield changed("a name that device has not", lambda e: e["device"].update(bogus=1))
    yield changed("an activity that the class has not", lambda e: e.update(activity_id=77))
    yield changed("another class's type", lambda e: e.update(type_uid=100101 + 1))
    yield changed("a severity there is not", lambda e: e.update(severity_id=42))
    yield changed("a time as text", lambda e: e.update(time="2026-11-23T20:43:16Z"))
    yield changed("no product", lambda e: e["metadata"].pop("product"))
    yield changed("no time", lambda e: e.pop("time"))
    yield changed("no version", lambda e: e["metadata"].pop("version"))
    yield changed("another name of the class", lambda e: e.update(class_name="Something"))
    yield changed("an unknown profile", lambda e: e["metadata"].update(profiles=["nothing"]))
    for name, value in event.items():
        if isinstance(value, dict) and name != "unmapped":
            yield changed(f"{name} as a number", lambda e, n=name: e.update({n: 5}))
    if "linux/linux_users" in event["metadata"].get("profiles", []):
        yield changed("attributes without their profile", lambda e: e["metadata"].pop("profiles"))


def mutate(judge, events):
    first = {}
    for event in events:
        # The fullest one of each class has most that can be spoilt.
        best = first.get(event["class_uid"])
        if best is None or len(str(event)) > len(str(best)):
            first[event["class_uid"]] = event
    tried, passed = 0, []
    for uid, event in sorted(first.items()):
        for name, other in spoilt(event):
            tried += 1
            if not judge.errors(other):
                passed.append(f"class {uid}: {name} was not noticed")
    print("\n".join(passed[:SHOWN]), end="\n" if passed else "")
    print(f"ocsf: {tried} spoilt events of {len(first)} classes, {len(passed)} not noticed")
    return 1 if passed or not tried else 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("events")
    arguments.add_argument("--mutate", action="store_true")
    arguments = arguments.parse_args()
    with open(arguments.events, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    judge = Judge()
    if arguments.mutate:
        return mutate(judge, events)
    errors = []
    for event in events:
        uid = event.get("metadata", {}).get("uid")
        errors += [f"{error} ({uid})" for error in judge.errors(event)]
    for error in sorted(set(errors))[:SHOWN]:
        print(error)
    classes = {event.get("class_uid") for event in events}
    print(f"ocsf: {len(events)} records, {len(classes)} classes, {len(errors)} errors")
    return 1 if errors or not events else 0


if __name__ == "__main__":
    sys.exit(main())

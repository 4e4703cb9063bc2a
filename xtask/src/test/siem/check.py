"""Tries what is shipped for receivers (dist/siem) on records of agtrack.

check.py WHAT SHIPPED RECORDS AGTRACK: exits with 0 where nothing is refused or overlooked.
"""

import copy
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# --- OpenSearch ---------------------------------------------------------------------------------

TAKES = {
    "keyword": (str, int),
    "long": (int,),
    "integer": (int,),
    "boolean": (bool,),
    "ip": (str,),
    "date_nanos": (str,),
    "flat_object": (dict, list),
}


def unmapped(value, mapping, place):
    """Fields that have no type, or one that does not take their values."""
    if value is None:
        return
    if isinstance(value, list) and mapping.get("type") != "flat_object":
        for one in value:
            yield from unmapped(one, mapping, place)
        return
    if "properties" in mapping:
        if not isinstance(value, dict):
            yield f"{place}: {value!r} is no object"
            return
        for name, inner in value.items():
            if name in mapping["properties"]:
                yield from unmapped(inner, mapping["properties"][name], f"{place}.{name}")
            else:
                yield f"{place}.{name}: no type"
        return
    kind = mapping["type"]
    if not isinstance(value, TAKES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{place}: {kind} does not take {value!r}"


def untyped(schema, mapping, definitions, place):
    """Fields of the published schema that have no type."""
    if mapping.get("type") == "flat_object":
        return
    if "$ref" in schema:
        yield from untyped(definitions[schema["$ref"].rsplit("/", 1)[-1]], mapping, definitions, place)
    if "items" in schema:
        yield from untyped(schema["items"], mapping, definitions, place)
    for part in ("oneOf", "anyOf", "allOf"):
        for inner in schema.get(part, []):
            yield from untyped(inner, mapping, definitions, place)
    for name, inner in schema.get("properties", {}).items():
        known = mapping.get("properties", {}).get(name)
        if known is None:
            yield f"{place}.{name}: no type, and the schema has it"
        else:
            yield from untyped(inner, known, definitions, f"{place}.{name}")


def opensearch(shipped, records, agtrack):
    template = json.loads((shipped / "opensearch-template.json").read_text(encoding="utf-8"))
    mapping = template["template"]["mappings"]
    found = {error for record in records for error in unmapped(record, mapping, "record")}
    schema = json.loads(subprocess.check_output([agtrack, "schema"]))
    found.update(untyped(schema, mapping, schema["$defs"], "record"))
    if template["index_patterns"] != ["agtrack-*"]:
        found.add("the pattern is not agtrack-*")
    return found, f"{len(records)} records"


# --- lnav ---------------------------------------------------------------------------------------


def lnav(shipped, records, agtrack):
    with tempfile.TemporaryDirectory() as home:
        place = pathlib.Path(home)
        formats = place / "config/formats/agtrack"
        formats.mkdir(parents=True)
        (formats / "agtrack.json").write_bytes((shipped / "agtrack.lnav.json").read_bytes())
        # lnav wants times in order.
        lines = sorted(records, key=lambda record: record["time"])
        log = place / "records.jsonl"
        log.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
        asked = ";SELECT count(*) AS n, count(DISTINCT action) AS a FROM agtrack"
        command = ["lnav", "-I", place / "config", "-n", "-c", asked, "-c", ":write-csv-to -", log]
        said = subprocess.run(
            command, env={**os.environ, "HOME": home}, capture_output=True, text=True, timeout=120
        )
    actions = {record["action"] for record in records if record.get("action")}
    expect = f"n,a\n{len(records)},{len(actions)}"
    found = set() if expect in said.stdout else {f"lnav said {said.stdout!r} {said.stderr!r}"}
    return found, f"{len(records)} records, {len(actions)} actions"


# --- Sigma --------------------------------------------------------------------------------------


def patched(record, patch):
    record = copy.deepcopy(record)
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(record.get(name), dict):
            record[name] = patched(record[name], value)
        else:
            record[name] = value
    return record


def handoff(channel, via, reached):
    return {
        "kind": "handoff",
        "channel": channel,
        "can": "does it",
        "recorded": False,
        "via": via,
        "reached": reached,
        "tool_call": None,
    }


def samples(records):
    """For each rule a record that it is there for."""

    def action(name):
        done = (r for r in records if r["kind"] == "action" and r["action"] == name)
        return next(r for r in done if r["outcome"]["result"] == "success")

    base = {k: action("file.open")[k] for k in ("v", "seq", "id", "time", "boot_time", "host", "agent")}
    process = {"process": action("file.open")["process"]}
    gap = {"kind": "gap", "reason": "ring_full", "hook": None, "action": None, "count": 5}
    gap |= {"from": 1, "until": 2, "detail": "5 events were lost"}
    address = {"ip": "169.254.169.254", "port": 80, "proto": "tcp", "domain": None}
    program = next(
        r for r in records if r["kind"] == "action" and "args" in r["object"] and "exe" in r["object"]
    )
    tamper = next(r for r in records if r["kind"] == "tamper" and not r["expected"])
    return {
        "agent-reads-credential": patched(
            action("file.open"), {"object": {"path": "/root/.ssh/id_ed25519"}}
        ),
        "agent-reaches-container-daemon": base
        | process
        | handoff("docker", "net.connect", "/run/docker.sock"),
        "agent-leaves-job-behind": base
        | process
        | handoff("cron", "file.open", "/etc/cron.d/job"),
        "agent-asks-metadata-service": patched(action("net.connect"), {}) | {"object": address},
        "recorder-is-reached-for": tamper,
        "agent-runs-from-memory": patched(program, {"object": {"fileless": True}}),
        "agent-sets-setuid-bit": patched(action("file.chmod"), {"object": {"mode": "4755"}}),
        "records-are-missing": base | gap | {"agent": None},
    }


def at(event, field):
    """Values of a field; those of a list one by one."""
    values = [event]
    for name in field.split("."):
        values = [v[name] for v in values if isinstance(v, dict) and name in v]
        values = [one for v in values for one in (v if isinstance(v, list) else [v])]
    return values


def meets(value, wanted):
    from sigma.types import SigmaBool, SigmaCompareExpression, SigmaNumber
    from sigma.types import SigmaRegularExpression, SigmaString

    if isinstance(wanted, SigmaString):
        pattern = re.escape(str(wanted)).replace("\\*", ".*").replace("\\?", ".")
        return re.fullmatch(pattern, str(value), re.IGNORECASE) is not None
    if isinstance(wanted, SigmaNumber):
        return value == wanted.number
    if isinstance(wanted, SigmaBool):
        return value is wanted.boolean
    if isinstance(wanted, SigmaRegularExpression):
        return re.search(wanted.regexp.original, str(value)) is not None
    if isinstance(wanted, SigmaCompareExpression):
        if wanted.op.name != "GTE":
            raise NotImplementedError(wanted.op)
        return value >= wanted.number.number
    raise NotImplementedError(type(wanted))


def holds(condition, event):
    from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression
    from sigma.conditions import ConditionNOT, ConditionOR

    if isinstance(condition, ConditionAND):
        return all(holds(one, event) for one in condition.args)
    if isinstance(condition, ConditionOR):
        return any(holds(one, event) for one in condition.args)
    if isinstance(condition, ConditionNOT):
        return not holds(condition.args[0], event)
    if isinstance(condition, ConditionFieldEqualsValueExpression):
        return any(meets(value, condition.value) for value in at(event, condition.field))
    raise NotImplementedError(type(condition))


def encoded(agtrack, records):
    text = "".join(json.dumps(record) + "\n" for record in records)
    command = [agtrack, "encode", "--encoding", "ocsf"]
    said = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in said.stdout.splitlines()]


def sigma(shipped, records, agtrack):
    from sigma.collection import SigmaCollection

    wanted = samples(records)
    events = dict(zip(wanted, encoded(agtrack, wanted.values())))
    rules = {}
    for path in sorted((shipped / "sigma").glob("*.yml")):
        rule = SigmaCollection.from_yaml(path.read_text(encoding="utf-8")).rules[0]
        rules[path.stem] = rule.detection.parsed_condition[0].parsed
    found = {f"{name}: no record to try it on" for name in rules.keys() - wanted.keys()}
    found |= {f"{name}: no such rule" for name in wanted.keys() - rules.keys()}
    for rule, condition in rules.items():
        for name, event in events.items():
            if holds(condition, event) != (name == rule):
                word = "does not find its own record" if name == rule else f"finds that of {name}"
                found.add(f"{rule}: {word}")
    return found, f"{len(rules)} rules"


# --- rsyslog ------------------------------------------------------------------------------------


def rsyslog(shipped, records, agtrack):
    """The shipped configuration with other places, and a daemon that reads by it."""
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        lines = "".join(json.dumps(one) + "\n" for one in records)
        (place / "records.jsonl").write_text(lines, encoding="utf-8")
        text = (shipped / "rsyslog.conf").read_text(encoding="utf-8")
        moved = {
            "/var/log/agtrack/records.jsonl": place / "records.jsonl",
            "/var/log/agtrack-collected.jsonl": place / "collected.jsonl",
            "/var/spool/rsyslog": place,
        }
        for old, new in moved.items():
            if old not in text:
                return {f"the configuration does not have {old}"}, "nothing"
            text = text.replace(old, str(new))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        text = text.replace('port="6514"', f'port="{port}"')
        (place / "rsyslog.conf").write_text(text, encoding="utf-8")
        command = ["rsyslogd", "-n", "-f", place / "rsyslog.conf", "-i", place / "pid"]
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

        def collected(wanted):
            file, got, until = place / "collected.jsonl", "", time.monotonic() + 60
            while len(got) < wanted and time.monotonic() < until and daemon.poll() is None:
                time.sleep(0.1)
                got = file.read_text(encoding="utf-8") if file.exists() else ""
            return got

        collected(len(lines))
        with socket.create_connection(("127.0.0.1", port)) as sender:
            for line in lines.splitlines():
                message = f"<13>1 - vm agtrack - - - {line}".encode()
                sender.sendall(b"%d %s" % (len(message), message))
        got, lines = collected(2 * len(lines)), 2 * lines
        daemon.terminate()
        said = daemon.communicate(timeout=60)[1].decode(errors="replace")
    found = set() if got == lines else {f"{len(got)} of {len(lines)} characters came: {said[:300]}"}
    return found, f"{len(records)} records through it, by file and by syslog"


# --- The others ---------------------------------------------------------------------------------


def parses(shipped, records, agtrack):
    import yaml

    found, count = set(), 0
    for path in sorted(shipped.glob("*.yaml")):
        count += 1
        try:
            if not isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict):
                found.add(f"{path.name}: no configuration")
        except yaml.YAMLError as error:
            found.add(f"{path.name}: {error}")
    return found if count else {"there are none"}, f"{count} configurations"


def main():
    what, shipped, records, agtrack = sys.argv[1:]
    checks = {"opensearch": opensearch, "lnav": lnav, "sigma": sigma}
    checks |= {"rsyslog": rsyslog, "parses": parses}
    found, words = checks[what](pathlib.Path(shipped), read(records), agtrack)
    for error in sorted(found)[:40]:
        print(f"{what}: {error}")
    print(f"{what}: {words}, {len(found)} errors")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

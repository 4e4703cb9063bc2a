"""Reads what the receiver of the tests kept: a line of JSON for each log record and span."""

import json
import os
import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return members(value.kvlist_value.values)
    if kind == "array_value":
        return [plain(element) for element in value.array_value.values]
    return getattr(value, kind) if kind else None


def members(pairs):
    values = {pair.key: plain(pair.value) for pair in pairs}
    return {key: value for key, value in values.items() if value is not None}


def logs(body):
    for grouped in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scoped in grouped.scope_logs:
            for log in scoped.log_records:
                yield {
                    "resource": members(grouped.resource.attributes),
                    "time": log.time_unix_nano,
                    "severity": log.severity_number,
                    "event_name": log.event_name,
                    "attributes": members(log.attributes),
                    "body": plain(log.body),
                    "trace_id": log.trace_id.hex(),
                    "span_id": log.span_id.hex(),
                }


def spans(body):
    for grouped in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scoped in grouped.scope_spans:
            for span in scoped.spans:
                yield {
                    "span": True,
                    "name": span.name,
                    "attributes": members(span.attributes),
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                }


KINDS = {"/v1/logs": logs, "/v1/traces": spans}

for name in os.listdir(sys.argv[1]):
    with open(os.path.join(sys.argv[1], name), "rb") as store:
        while head := store.readline():
            path, length = head.decode().split()
            body = store.read(int(length))
            if len(body) < int(length):
                break  # The receiver was killed while it wrote: this was not acknowledged.
            for entry in KINDS[path](body):
                print(json.dumps(entry))

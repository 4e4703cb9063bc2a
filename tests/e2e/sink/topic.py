"""Reads a topic of Kafka from its beginning: a line of JSON for each message.

    topic.py PORT TOPIC
"""

import json
import socket
import sys

from kafka import KafkaConsumer, TopicPartition

port, topic = sys.argv[1:]

# The broker is asked itself, wherever it says that it is: the way that it names may be cut.
look_up = socket.getaddrinfo
socket.getaddrinfo = lambda host, _, *rest, **named: look_up(host, int(port), *rest, **named)

consumer = KafkaConsumer(bootstrap_servers=f"127.0.0.1:{port}", enable_auto_commit=False)
partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
consumer.assign(partitions)
consumer.seek_to_beginning()
left = sum(consumer.end_offsets(partitions).values())
while left > 0:
    for messages in consumer.poll(timeout_ms=1000).values():
        for message in messages:
            left -= 1
            print(json.dumps({
                "partition": message.partition,
                "key": message.key.decode(),
                "id": dict(message.headers)["id"].decode(),
                "time": message.timestamp,
                "record": json.loads(message.value),
            }))

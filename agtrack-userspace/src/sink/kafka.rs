//! Apache Kafka, and what speaks its protocol.
//!
//! Acknowledgement: all replicas that are in sync have the record (`acks=all`), told of each record. Its key
//! is the host's id, so that the records of a host are in one partition, in order; its header `id` is the
//! record's, to know by it what came twice.
//!
//! The client is krafka, and not rskafka: it tells a password or a certificate that is refused from a broker
//! that is away, which the other has in words only; it takes the name in a certificate, and addresses in
//! brackets. Its producer is idempotent: what it asks a broker again, because an answer was lost, is stored
//! once. It ends with an error, and the one after it is another to the brokers, so that records may be there
//! twice then.

mod answer;

use std::time::{Duration, Instant};

use krafka::auth::{AuthConfig, TlsConfig};
use krafka::producer::{Acks, Producer};
use krafka::{Compression, Kafka, KrafkaError, Record};
use serde::{Deserialize, Serialize};

use super::batch::{Batch, Item};
use super::peer::Address;
use super::protocol::Protocol;
use super::settings::{self, Settings};
use super::tls::{Tls, authorities};
use super::transport::{Accepted, Doing, Transport, Trouble};
use answer::meaning;

/// How long a broker has to answer a call, and a question.
const CALL: Duration = Duration::from_secs(10);
/// How long a record has until all replicas have it, questions asked again included.
const ACK: Duration = Duration::from_secs(15);
/// How long records are sent one by one that were refused together with others.
const ALONE: Duration = Duration::from_secs(10);
/// Bytes that go to a partition at a time, uncompressed: half of what brokers take unless told otherwise.
const AT_A_TIME: usize = 512 << 10;
/// The longest answer that is read: the list of all topics of a large cluster.
const LONGEST_ANSWER: usize = 32 << 20;

/// How a user shows that the password is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// By sending it.
    Plain,
    /// By what it makes of the broker's question.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// The same with a longer hash.
    #[default]
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// What is wrong with sending a password there unencrypted, if anything; `as_it_is`: not only what is made
/// of it.
#[must_use]
pub fn wrong_brokers(brokers: &[&str], as_it_is: bool) -> Option<String> {
    let is_here = |broker: &&str| Address::parse(broker).is_ok_and(|address| address.is_here());
    if !brokers.iter().all(is_here) {
        return Some(
            "with `protocol = \"tcp\"` everybody on the way could learn the password; write `tls`, or leave \
             the password out"
                .to_owned(),
        );
    }
    // A broker names the others, which may be anywhere.
    as_it_is.then(|| {
        "with `protocol = \"tcp\"` the password could go in the open to any broker that the first one names; \
         write `tls`, or another `mechanism` than `plain`"
            .to_owned()
    })
}

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let missing = |key: &str| Trouble::Misconfigured(format!("no `{key}` is given"));
    if settings.brokers.is_empty() {
        return Err(missing("brokers"));
    }
    for broker in &settings.brokers {
        Address::new(broker)?;
    }
    let topic = settings.topic.clone().ok_or_else(|| missing("topic"))?;
    Ok(Box::new(Cluster {
        brokers: settings.brokers.join(","),
        topic,
        security: security(settings)?,
        compression: match settings.compress.unwrap_or_default() {
            settings::Compression::Gzip => Compression::Gzip,
            settings::Compression::None => Compression::None,
        },
        open: None,
    }))
}

/// Who we are, and whom to trust.
fn security(settings: &Settings) -> Result<AuthConfig, Trouble> {
    let protocol = settings.protocol.unwrap_or_default();
    let mechanism = settings.mechanism.unwrap_or_default();
    let user = match (&settings.user, &settings.password) {
        (Some(user), Some(password)) => {
            let brokers: Vec<_> = settings.brokers.iter().map(String::as_str).collect();
            if protocol == Protocol::Tcp
                && let Some(wrong) = wrong_brokers(&brokers, mechanism == Mechanism::Plain)
            {
                return Err(Trouble::Misconfigured(wrong));
            }
            let password = password.text()?;
            match mechanism {
                Mechanism::Plain => AuthConfig::sasl_plain(user, password),
                Mechanism::ScramSha256 => AuthConfig::sasl_scram_sha256(user, password),
                Mechanism::ScramSha512 => AuthConfig::sasl_scram_sha512(user, password),
            }
        }
        _ => AuthConfig::plaintext(),
    };
    Ok(match protocol {
        Protocol::Tls => user.with_tls(tls(settings)?),
        _ => user,
    })
}

fn tls(settings: &Settings) -> Result<TlsConfig, Trouble> {
    // Tells what is wrong with the files, and where they are.
    Tls::new(settings, "localhost")?;
    let mut tls = TlsConfig::new().with_ca_cert_pem(authorities(settings.ca_file.as_ref())?);
    if let (Some(cert), Some(key)) = (&settings.cert_file, &settings.key_file) {
        tls = tls.with_client_cert_pem(cert.read()?, key.read()?);
    }
    if let Some(name) = &settings.server_name {
        tls = tls.with_sni_hostname(name);
    }
    Ok(tls)
}

struct Cluster {
    /// The first ones, joined with commas.
    brokers: String,
    topic: String,
    security: AuthConfig,
    compression: Compression,
    open: Option<Producer>,
}

impl Cluster {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let producer = match self.open.take() {
            Some(producer) => producer,
            None => self.connect().await.map_err(|error| self.meaning(&error))?,
        };
        // Asked once and remembered: otherwise each record would wait for a topic that is not there.
        let known = producer.partitions_for(&self.topic).await;
        known.map_err(|error| self.meaning(&error))?;
        let mut later: Option<(Vec<u64>, Trouble)> = None;
        let mut refused = Vec::new();
        for (item, trouble) in self.publish(&producer, &batch.items).await {
            match trouble {
                Trouble::Refused(reason) => refused.push((item, reason)),
                trouble => later.get_or_insert((Vec::new(), trouble)).0.push(item.seq),
            }
        }
        if batch.items.len() > 1 {
            refused = self.one_by_one(&producer, refused, &mut later).await;
        }
        if let Some((seqs, _)) = &mut later {
            seqs.sort_unstable();
        } else {
            self.open = Some(producer);
        }
        Ok(Accepted {
            refused: refused
                .into_iter()
                .map(|(item, reason)| (item.seq, reason))
                .collect(),
            later,
            ..Accepted::default()
        })
    }

    /// Sends records again, each by itself, that were refused with others: a broker judges what came
    /// together as one. Gives those that are refused alone.
    async fn one_by_one<'a>(
        &self,
        producer: &Producer,
        refused: Vec<(&'a Item, String)>,
        later: &mut Option<(Vec<u64>, Trouble)>,
    ) -> Vec<(&'a Item, String)> {
        let begin = Instant::now();
        let mut alone = Vec::new();
        for (item, reason) in refused {
            let trouble = if begin.elapsed() < ALONE {
                let one = self.publish(producer, std::slice::from_ref(item)).await;
                one.into_iter().next().map(|(_, trouble)| trouble)
            } else {
                Some(Trouble::later(format!(
                    "{reason}; with others, and is sent alone"
                )))
            };
            match trouble {
                None => {}
                Some(Trouble::Refused(reason)) => alone.push((item, reason)),
                Some(trouble) => later.get_or_insert((Vec::new(), trouble)).0.push(item.seq),
            }
        }
        alone
    }

    /// Publishes records; gives those that were not acknowledged, and why.
    async fn publish<'a>(
        &self,
        producer: &Producer,
        items: &'a [Item],
    ) -> Vec<(&'a Item, Trouble)> {
        let mut sent = Vec::with_capacity(items.len());
        let mut failed = Vec::new();
        for item in items {
            match producer.enqueue(self.record(item)).await {
                Ok(waiting) => sent.push((item, waiting)),
                Err(error) => failed.push((item, self.meaning(&error))),
            }
        }
        for (item, waiting) in sent {
            if let Err(error) = waiting.await {
                failed.push((item, self.meaning(&error)));
            }
        }
        failed
    }

    fn record(&self, item: &Item) -> Record {
        let record = Record::new(&self.topic, item.body.clone())
            .key(item.head.host.id.clone())
            .header("id", item.head.id.clone());
        let time = item.head.time.parse::<jiff::Timestamp>();
        match time {
            Ok(time) => record.timestamp(time.as_millisecond()),
            Err(_) => record,
        }
    }

    async fn connect(&self) -> Result<Producer, KrafkaError> {
        let kafka = Kafka::builder(&self.brokers)
            .client_id("agtrack")
            .security(self.security.clone())
            .connect_timeout(CALL)
            .request_timeout(CALL)
            .max_response_size(LONGEST_ANSWER)
            .allow_auto_create_topics(false)
            .connect()
            .await?;
        kafka
            .producer()
            .acks(Acks::All)
            .idempotent(true)
            .compression(self.compression)
            .batch_size(AT_A_TIME)
            .delivery_timeout(ACK)
            .max_block(CALL)
            .metrics_push(false)
            .build()
            .await
    }

    fn meaning(&self, error: &KrafkaError) -> Trouble {
        meaning(error, &self.brokers, &self.topic)
    }
}

impl Transport for Cluster {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }

    fn patience(&self) -> Duration {
        // A call and its questions, the topic, all records together, then some of them alone.
        CALL + CALL + CALL + ACK + ALONE + ACK
    }
}

#[cfg(test)]
mod tests;

//! A cluster behind TLS that asks for certificates.

use super::*;
use crate::sink::tls::front::Keys;

/// The settings of a sink, with some of its keys another way.
fn with(own: &Keys, port: u16, other: &Value) -> Settings {
    let broker = format!("127.0.0.1:{port}");
    let mut all = json!({
        "protocol": "tls", "ca_file": own.path("ca"), "cert_file": own.path("cert"),
        "key_file": own.path("key"), "user": "agtrack", "password": own.path("password"),
        "mechanism": "plain",
    });
    let members = all.as_object_mut().unwrap();
    members.extend(other.as_object().unwrap().clone());
    keys(&[&broker], &all)
}

#[tokio::test]
async fn a_cluster_is_trusted_by_its_authority_and_knows_us_by_certificate_and_password() {
    let own = Keys::new();
    let broker = FakeBroker::start().await.unwrap();
    broker.create_topic("agents", 3);
    broker.require_sasl_plain("agtrack", "right");
    let port = own.front(broker.broker_addr(0).unwrap().port(), None).await;
    broker.with_state(|state| state.brokers[0].port = i32::from(port));
    let mut sink = open(&with(&own, port, &json!({}))).unwrap();
    let accepted = sink.deliver(&made(1..=20)).await.unwrap();
    assert!(
        accepted.refused.is_empty() && accepted.later.is_none(),
        "{accepted:?}"
    );
    assert_eq!(stored(&broker).len(), 20);
    for (other, part) in [
        (json!({"password": own.path("wrong")}), "`password`"),
        (json!({"ca_file": own.path("other")}), "`ca_file`"),
        (json!({"server_name": "siem.example.org"}), "`server_name`"),
        (json!({"mechanism": "scram-sha-256"}), "`mechanism`"),
    ] {
        let mut sink = open(&with(&own, port, &other)).unwrap();
        let trouble = sink.deliver(&made(21..=21)).await.unwrap_err();
        is_misconfigured(&trouble, part);
    }
    let mut settings = with(&own, port, &json!({}));
    (settings.cert_file, settings.key_file) = (None, None);
    let mut sink = open(&settings).unwrap();
    let trouble = sink.deliver(&made(21..=21)).await.unwrap_err();
    assert!(
        trouble.reason().contains("CertificateRequired"),
        "{trouble:?}"
    );
    assert_eq!(stored(&broker).len(), 20);
}

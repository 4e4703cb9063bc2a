//! Secrets in what is said over sockets. Whoever wants something to leave a host unseen puts it in a
//! name.

use super::RedactStage;
use crate::record::{Dns, HttpRequest, Text, TlsHello, zone};
use crate::redact::replacements;

impl RedactStage {
    pub(super) fn dns(&self, dns: &mut Dns, rules: &mut Vec<&'static str>) {
        self.address(&mut dns.peer, rules);
        for question in &mut dns.questions {
            self.name(&mut question.name, rules);
        }
        for answer in &mut dns.answers {
            self.name(&mut answer.name, rules);
            if let Some(data) = &mut answer.data {
                self.name(data, rules);
            }
        }
    }

    pub(super) fn tls(&self, hello: &mut TlsHello, rules: &mut Vec<&'static str>) {
        self.address(&mut hello.peer, rules);
        for text in hello.server_name.iter_mut().chain(&mut hello.alpn) {
            self.text(text, rules);
        }
    }

    pub(super) fn http(&self, request: &mut HttpRequest, rules: &mut Vec<&'static str>) {
        self.address(&mut request.peer, rules);
        self.url(&mut request.target, rules);
        if !request.target.0.starts_with(b"/") {
            self.user(&mut request.target, rules);
        }
        self.text(&mut request.method, rules);
        if let Some(host) = &mut request.host {
            self.text(host, rules);
            self.user(host, rules);
        }
    }

    /// A user before a host (`me:password@host`) that no scheme stands before, as it does in URLs.
    fn user(&self, host: &mut Text, rules: &mut Vec<&'static str>) {
        const SCHEME: &[u8] = b"https://";
        if !host.0.contains(&b'@') {
            return;
        }
        let url = [SCHEME, &host.0].concat();
        let found = self.redactor.url(&url);
        if !found.rules.is_empty() {
            rules.extend(found.rules);
            host.0 = found
                .value
                .strip_prefix(SCHEME)
                .unwrap_or(&found.value)
                .to_vec();
        }
    }

    fn url(&self, url: &mut Text, rules: &mut Vec<&'static str>) {
        let found = self.redactor.url(&url.0);
        if !found.rules.is_empty() {
            rules.extend(found.rules);
            url.0 = found.value.into_owned();
        }
    }

    fn text(&self, text: &mut Text, rules: &mut Vec<&'static str>) {
        let found = self.redactor.text(&text.0);
        if !found.rules.is_empty() {
            rules.extend(found.rules);
            text.0 = found.value.into_owned();
        }
    }

    /// A name of the domain name system. Secrets are looked for in its bytes as they were said; as
    /// names are written, with escapes and in small letters, none is to be known.
    pub(super) fn name(&self, name: &mut String, rules: &mut Vec<&'static str>) {
        let plain = zone::bytes(name);
        let found = self.redactor.text(&plain);
        if !found.rules.is_empty() {
            rules.extend(found.rules);
            *name = written(&found.value);
        }
        name.make_ascii_lowercase();
    }
}

/// A name out of its bytes; what was replaced in it stands as it is.
fn written(bytes: &[u8]) -> String {
    let mut text = String::new();
    let labels = |part: &[u8], text: &mut String| {
        for (number, label) in part.split(|byte| *byte == b'.').enumerate() {
            if number > 0 {
                text.push('.');
            }
            zone::push(label, text);
        }
    };
    let mut at = 0;
    for done in replacements(bytes) {
        labels(bytes.get(at..done.start).unwrap_or_default(), &mut text);
        at = done.end;
        let replacement = bytes.get(done).unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(replacement));
    }
    labels(bytes.get(at..).unwrap_or_default(), &mut text);
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::Object;

    /// What becomes of an object.
    fn redacted(object: Value) -> (String, Vec<&'static str>) {
        let mut object: Object = serde_json::from_value(object).unwrap();
        let mut rules = Vec::new();
        RedactStage::new(&[7; 32]).object(&mut object, &mut rules);
        (serde_json::to_string(&object).unwrap(), rules)
    }

    #[test]
    fn what_is_said_over_sockets_is_redacted() {
        let token = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
        let peer = json!({"ip": "10.0.0.1", "port": 80, "proto": "tcp", "domain": token});
        let name = format!("{token}.example.org");
        let answers = json!([{"name": name, "type": "CNAME", "ttl": 1, "data": name}]);
        for object in [
            json!({"method": "GET", "target": format!("/x?token={token}"), "host": name,
                   "http_version": "1.1"}),
            json!({"method": "GET", "target": format!("http://me:{token}@example.org/"),
                   "host": null, "http_version": "1.1"}),
            json!({"hello": "client", "server_name": name, "tls_version": "1.3"}),
            json!({"dns_id": 1, "questions": [{"name": name, "type": "A"}],
                   "response_code": "NOERROR", "answers": answers}),
            json!({"quic_version": "1"}),
        ] {
            let mut object = object;
            object["peer"] = peer.clone();
            object["direction"] = "outbound".into();
            let (shown, rules) = redacted(object);
            assert!(!shown.contains(&token), "{shown}");
            assert!(!rules.is_empty(), "{shown}");
        }
        let (shown, rules) = redacted(json!({"method": "GET", "target": "/a?page=2",
            "host": "example.org", "http_version": "1.1", "direction": "outbound",
            "peer": {"ip": "10.0.0.1", "port": 80, "proto": "tcp", "domain": "example.org"}}));
        assert!(rules.is_empty() && shown.contains("/a?page=2"), "{shown}");
    }

    /// A question for a name, and a connection to it.
    fn named(name: &str) -> [(String, Vec<&'static str>); 3] {
        let ip = json!({"ip": "10.0.0.1", "port": 53, "proto": "udp", "domain": name});
        let own = json!({"ip": "10.0.0.2", "port": 9, "proto": "udp", "domain": null});
        let flow = json!({"local": own, "peer": ip, "direction": "outbound", "bytes_out": 0,
            "bytes_in": 0, "packets_out": 0, "packets_in": 0, "retransmits": null,
            "began_boot_time": null, "ended_boot_time": 1, "duration": null});
        let question = json!({"dns_id": 1, "questions": [{"name": name, "type": "A"}],
            "peer": own, "direction": "outbound"});
        [question, ip, flow].map(redacted)
    }

    #[test]
    fn names_are_redacted_as_they_were_asked_and_written_as_in_zone_files() {
        let id = format!("AKIA{}", "QRST2345".repeat(2));
        for (shown, rules) in named(&format!(r"{id}.My\095Shop.Example")) {
            assert!(!shown.to_uppercase().contains(&id), "{shown}");
            assert_eq!(rules, ["aws-id"], "{shown}");
            assert!(shown.contains(r".my_shop.example"), "{shown}");
        }
        for (shown, rules) in named(r"a.password\061Hunter2\033.example") {
            assert!(!shown.to_lowercase().contains("hunter2"), "{shown}");
            assert!(shown.contains(r"a.password\\061<redacted:"), "{shown}");
            assert!(!rules.is_empty());
        }
        for (shown, rules) in named(r"WWW.a\046B\000.Example") {
            assert!(shown.contains(r#""www.a\\046b\\000.example""#), "{shown}");
            assert!(rules.is_empty());
        }
    }

    #[test]
    fn users_in_authorities_are_redacted() {
        let request = |method: &str, target: &str, host: Option<&str>| {
            redacted(json!({"method": method, "target": target, "host": host,
                "http_version": "1.1", "direction": "outbound",
                "peer": {"ip": "10.0.0.1", "port": 80, "proto": "tcp", "domain": null}}))
        };
        for (shown, rules) in [
            request("CONNECT", "me:hunter2@h:443", Some("h:443")),
            request("GET", "/", Some("me:hunter2@h")),
            request("CONNECT", "h:443", Some("me:hun/ter2:9@h:80")),
        ] {
            assert!(!shown.contains("ter2"), "{shown}");
            assert!(shown.contains("me:<redacted:url-user:"), "{shown}");
            assert_eq!(rules, ["url-user"]);
        }
        for (shown, rules) in [
            request("CONNECT", "h:443", Some("h:443")),
            request("GET", "/:80/@types/a:b@1", Some("h")),
            request("OPTIONS", "*", Some("[::1]:80")),
        ] {
            assert!(rules.is_empty(), "{shown}");
        }
    }
}

//! What is understood of what runtimes say, and how they are asked.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::said::Form;
use super::*;

const ID: &str = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";

fn container(runtime: &str) -> Container {
    Container {
        runtime: Some(runtime.to_owned()),
        id: ID.to_owned(),
        ..Container::default()
    }
}

fn wanted() -> ContainerWanted {
    // A runtime that nobody can be asked about but at the sockets of a test.
    ContainerWanted {
        container: container("docker"),
        cgroup: format!("/docker/{ID}").as_str().into(),
    }
}

fn read(form: Form, text: &str) -> Result<Container, String> {
    form.read(&container("docker"), text.as_bytes())
}

fn label<'c>(container: &'c Container, key: &str) -> Option<&'c str> {
    container.labels.get(key).map(String::as_str)
}

#[test]
fn dockers_answer_and_dockers_file_say_the_same() {
    for id in ["Id", "ID"] {
        let text = format!(
            r#"{{"{id}":"{ID}","Name":"/box","Image":"sha256:00","State":{{"Running":true}},
                "Config":{{"Image":"ghcr.io/acme/agent:1","Labels":{{"a":"b"}},"Env":["X=1"]}}}}"#
        );
        let found = read(Form::Docker, &text).unwrap();
        assert_eq!(found.name.as_deref(), Some("box"));
        assert_eq!(found.image.as_deref(), Some("ghcr.io/acme/agent:1"));
        assert_eq!(label(&found, "a"), Some("b"));
        assert_eq!(found.pod, None);
    }
    let bare = format!(r#"{{"Id":"{ID}","Config":{{"Labels":null}}}}"#);
    assert_eq!(read(Form::Docker, &bare), Ok(container("docker")));
}

#[test]
fn a_container_of_kubernetes_is_named_as_in_its_pod() {
    let docker = format!(
        r#"{{"Id":"{ID}","Name":"/k8s_agent_runner-0_agents_x_0","Config":{{"Labels":{{
            "io.kubernetes.container.name":"agent","io.kubernetes.pod.name":"runner-0",
            "io.kubernetes.pod.namespace":"agents"}}}}}}"#
    );
    let containerd = r#"{"ociVersion":"1.1.0","annotations":{
        "io.kubernetes.cri.container-name":"agent","io.kubernetes.cri.container-type":"container",
        "io.kubernetes.cri.image-name":"ghcr.io/acme/agent:1",
        "io.kubernetes.cri.sandbox-name":"runner-0","io.kubernetes.cri.sandbox-namespace":"agents"}}"#;
    let crio = r#"{"annotations":{"io.kubernetes.container.name":"agent",
        "io.kubernetes.pod.name":"runner-0","io.kubernetes.pod.namespace":"agents",
        "io.kubernetes.cri-o.ImageName":"ghcr.io/acme/agent:1","io.kubernetes.cri-o.TTY":"false",
        "io.kubernetes.cri-o.Labels":"{\"tier\":\"agents\"}"}}"#;
    for (form, text) in [
        (Form::Docker, docker.as_str()),
        (Form::Bundle, containerd),
        (Form::Bundle, crio),
    ] {
        let found = read(form, text).unwrap();
        let told = [&found.name, &found.pod, &found.namespace].map(Option::as_deref);
        assert_eq!(
            told,
            [Some("agent"), Some("runner-0"), Some("agents")],
            "{text}"
        );
    }
    let found = read(Form::Bundle, containerd).unwrap();
    assert_eq!(found.image.as_deref(), Some("ghcr.io/acme/agent:1"));
    assert_eq!(
        label(&found, "io.kubernetes.cri.container-type"),
        Some("container")
    );
    assert_eq!(found.labels.len(), 1);
    let found = read(Form::Bundle, crio).unwrap();
    assert_eq!(
        (label(&found, "tier"), found.labels.len()),
        (Some("agents"), 1)
    );
}

#[test]
fn a_list_of_what_is_stored_has_name_and_image() {
    let metadata = r#"{\"image-name\":\"docker.io/library/debian:13\",\"name\":\"box\"}"#;
    let text = format!(
        r#"[{{"id":"0","names":["other"]}},{{"id":"{ID}","names":["box"],"metadata":"{metadata}"}}]"#
    );
    let found = read(Form::Storage, &text).unwrap();
    assert_eq!(found.name.as_deref(), Some("box"));
    assert_eq!(found.image.as_deref(), Some("docker.io/library/debian:13"));
    assert!(read(Form::Storage, "[]").is_err());
    let text = format!(r#"[{{"id":"{ID}","metadata":"nonsense"}}]"#);
    assert_eq!(read(Form::Storage, &text), Ok(container("docker")));
}

#[test]
fn what_is_said_of_another_or_in_other_words_is_no_answer() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"Id":"0","Name":"/x"}"#,
        r#"{"Id":7}"#,
        "\u{0}",
        r#"{"Id":"x","Id":"y"}"#,
    ] {
        assert!(read(Form::Docker, text).is_err(), "{text}");
    }
    for text in [
        "",
        "[]",
        r#"{"annotations":7}"#,
        r#"{"annotations":{"a":1}}"#,
    ] {
        assert!(read(Form::Bundle, text).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000);
    for form in [Form::Docker, Form::Bundle, Form::Storage] {
        assert!(read(form, &deep).is_err());
        assert!(form.read(&container("docker"), b"\xff\xfe{").is_err());
    }
    assert_eq!(read(Form::Bundle, "{}"), Ok(container("docker")));
}

#[test]
fn what_is_kept_is_bounded() {
    let labels: Vec<_> = (0..2000).map(|n| format!(r#""k{n:04}":"v""#)).collect();
    let (long, labels) = ("ä".repeat(4000), labels.join(","));
    let text = format!(
        r#"{{"Id":"{ID}","Name":"{long}","Config":{{"Image":"{long}","Labels":{{"a":"{long}",{labels}}}}}}}"#
    );
    let found = read(Form::Docker, &text).unwrap();
    assert_eq!(found.name.as_ref().map(String::len), Some(512));
    assert_eq!(found.labels.len(), 1024);
    let told = for_records(found);
    assert_eq!(told.labels.len(), LABELS);
    assert_eq!(label(&told, "a").map(str::len), Some(LABEL));
    assert_eq!(label(&told, "k0014"), Some("v"));
}

/// Answers so many requests, each with these bytes.
fn server(path: &Path, replies: Vec<String>) -> std::thread::JoinHandle<Vec<String>> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let mut asked = Vec::new();
        for reply in replies {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines();
            asked.push(lines.next().unwrap().unwrap());
            while !lines.next().unwrap().unwrap().is_empty() {}
            // Whoever has heard enough may be gone.
            let _ = (&stream).write_all(reply.as_bytes());
        }
        asked
    })
}

fn reply(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_container_is_asked_of_again_until_it_is_known() {
    let temp = tempfile::tempdir().unwrap();
    let socket = temp.path().join("docker.sock");
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned();
    let body = format!(r#"{{"Id":"{ID}","Name":"/box"}}"#);
    let server = server(&socket, vec![missing, reply(&body)]);
    let mut asker = Asker::new(vec![socket]);
    asker.ask(wanted(), false);
    asker.ask(wanted(), true);
    assert!(asker.is_busy());
    let answer = asker.wait(Duration::from_secs(20)).unwrap();
    let found = answer.found.unwrap();
    assert_eq!(found.name.as_deref(), Some("box"));
    assert!(answer.for_records, "both were asked for at once");
    let line = format!("GET /containers/{ID}/json HTTP/1.1");
    assert_eq!(server.join().unwrap(), [line.clone(), line]);
    assert!(!asker.is_busy());
    assert!(asker.wait(Duration::ZERO).is_none());
}

/// Of many that nobody knows none holds up one that somebody does.
#[test]
fn who_is_not_known_yet_takes_no_thread_while_it_waits() {
    let temp = tempfile::tempdir().unwrap();
    let socket = temp.path().join("docker.sock");
    let mut asker = Asker::new(vec![socket.clone()]);
    for number in 0..10 * THREADS {
        let mut other = wanted();
        other.container.id = format!("{number:064x}");
        asker.ask(other, false);
    }
    let body = format!(r#"{{"Id":"{ID}","Name":"/box"}}"#);
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines();
            let is_it = lines.next().is_some_and(|line| line.unwrap().contains(ID));
            let missing = "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".to_owned();
            let reply = if is_it { reply(&body) } else { missing };
            let _ = (&stream).write_all(reply.as_bytes());
        }
    });
    asker.ask(wanted(), true);
    let answer = asker.wait(PATIENCE - Duration::from_secs(1)).unwrap();
    assert_eq!(answer.found.unwrap().name.as_deref(), Some("box"));
}

#[test]
fn who_says_too_much_or_nonsense_says_nothing() {
    let temp = tempfile::tempdir().unwrap();
    for (name, text, expect) in [
        ("long", reply(&"x".repeat(3 << 20)), "too long"),
        (
            "cut",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(),
            "cut off",
        ),
        ("other", reply("{}"), "not as expected"),
        ("no", "no\r\n\r\n".to_owned(), "no HTTP"),
        (
            "broken",
            "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "status 500",
        ),
    ] {
        let socket = temp.path().join(name);
        let server = server(&socket, vec![text]);
        let error = look(&wanted(), &[socket]).unwrap_err();
        assert!(error.contains(expect), "{name}: {error}");
        server.join().unwrap();
    }
}

#[test]
fn who_does_not_answer_is_not_waited_for_for_ever() {
    let temp = tempfile::tempdir().unwrap();
    let socket = temp.path().join("silent");
    let _listener = UnixListener::bind(&socket).unwrap();
    let begun = Instant::now();
    let error = http::get(&socket, "/").unwrap_err();
    assert!(error.contains("does not answer"), "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let error = look(&wanted(), &[temp.path().join("none")]).unwrap_err();
    assert!(error.contains("none: No such file"), "{error}");
}

proptest::proptest! {
    /// Whatever stands in a file or an answer: what comes of it is bounded and about this container.
    #[test]
    fn whatever_is_said_is_bounded(
        key in "Id|Name|Config|annotations|id|names|metadata|x",
        value in "null|7|\\[\\]|\\{\\}|\"[ -~]{0,40}\"|\\{\"Image\":\"[a-z]{0,9}\",\"Labels\":\\{\"a\":\"\\\\u0007\"\\}\\}",
        cut in 0_usize..200,
        list in proptest::bool::ANY,
    ) {
        let object = format!(r#"{{"Id":"{ID}","id":"{ID}","{key}":{value}}}"#);
        let text = if list { format!("[{object}]") } else { object };
        let text = text.get(..text.len().saturating_sub(cut / 20)).unwrap_or(&text);
        for form in [Form::Docker, Form::Bundle, Form::Storage] {
            if let Ok(found) = form.read(&container("docker"), text.as_bytes()) {
                proptest::prop_assert_eq!(&found.id, ID);
                proptest::prop_assert!(for_records(found).labels.len() <= LABELS);
            }
        }
    }
}

//! HTTP/1.1 as a client: one connection that is kept, and what an answer means.
//!
//! Redirects are not followed: what authorises us would go with them. Headers are written nowhere.

mod answer;
mod authorization;

use std::error::Error;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;

pub(super) use answer::{Answer, Meaning, meaning};
pub(super) use authorization::Authorization;

use super::peer::Peer;
use super::settings::{Compression as Compress, Settings};
use super::tls::Tls;
use super::transport::{Trouble, apart};
use super::url::{HTTP, Url};

/// More of an answer is not read.
const MOST_ANSWER: usize = 16 << 20;

/// A receiver that speaks HTTP.
pub(super) struct Client {
    peer: Peer,
    path: String,
    headers: HeaderMap,
    authorization: Authorization,
    compress: Compress,
    open: Option<Sender>,
}

type Sender = SendRequest<Full<Bytes>>;

impl Client {
    /// With the keys of the settings; `scheme` goes before a token in `Authorization`. Connects to nobody
    /// yet.
    ///
    /// # Errors
    /// A secret or certificate cannot be read, or must not go there.
    pub(super) fn new(settings: &Settings, scheme: &str) -> Result<Client, Trouble> {
        let url = settings.url.as_deref();
        let url = url.ok_or_else(|| Trouble::Misconfigured("no `url` is given".to_owned()))?;
        let url = Url::parse(url, HTTP).map_err(Trouble::Misconfigured)?;
        let authorization = Authorization::new(settings, scheme)?;
        if let (true, Some(wrong)) = (authorization.is_some(), url.wrong_for_secrets()) {
            return Err(Trouble::Misconfigured(wrong));
        }
        let tls = match url.is_encrypted {
            true => Some(Tls::new(settings, &url.address.host)?),
            false => None,
        };
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&url.address.to_string())
            .map_err(|_| Trouble::Misconfigured("`url` has no host that can be sent".to_owned()))?;
        headers.insert(header::HOST, host);
        let agent = concat!("agtrack/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if let Some(value) = authorization.header() {
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(Client {
            peer: Peer {
                address: url.address,
                tls,
            },
            path: url.path,
            headers,
            authorization,
            compress: settings.compress.unwrap_or_default(),
            open: None,
        })
    }

    /// A header of every request from now on.
    pub(super) fn set(&mut self, name: &'static str, value: HeaderValue) {
        self.headers.insert(HeaderName::from_static(name), value);
    }

    /// Posts a body, and reads what is answered.
    ///
    /// # Errors
    /// There is no answer. One that is no success is none.
    pub(super) async fn post(
        &mut self,
        path: &str,
        content: &'static str,
        body: Vec<u8>,
    ) -> Result<Answer, Trouble> {
        let request = self.request(path, content, body).await?;
        // Dropped unless all of the answer was read: what is left of it would be taken for the next one.
        if let Some(mut kept) = self.open.take()
            && kept.ready().await.is_ok()
            && let Ok(answer) = exchange(&mut kept, request.clone()).await
        {
            self.open = Some(kept);
            return Ok(answer);
        }
        // A connection that was kept may have been closed in the meantime, which is nobody's fault.
        let mut sender = self.call().await?;
        let answer = exchange(&mut sender, request).await;
        let answer = answer.map_err(|error| self.failed(&*error))?;
        self.open = Some(sender);
        Ok(answer)
    }

    async fn request(
        &self,
        path: &str,
        content: &'static str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let body = match self.compress {
            Compress::None => body,
            Compress::Gzip => apart(move || gzip(&body)).await?,
        };
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = self.headers.clone();
        let uri = format!("{}{path}", self.path);
        *request.uri_mut() = uri
            .parse()
            .map_err(|_| Trouble::Misconfigured(format!("`{uri}` is no path")))?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
        if self.compress == Compress::Gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(request)
    }

    async fn call(&self) -> Result<Sender, Trouble> {
        let stream = self.peer.connect().await?;
        let greeted = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = greeted.map_err(|error| {
            let address = &self.peer.address;
            Trouble::later(format!("cannot speak HTTP with {address}: {error}"))
        })?;
        // It ends with the sender; what went wrong with it, the sender tells.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn failed(&self, error: &(dyn Error + 'static)) -> Trouble {
        let deeper = std::iter::successors(Some(error), |error| (*error).source());
        let of_system = deeper
            .clone()
            .find_map(|error| error.downcast_ref::<io::Error>());
        if let Some(error) = of_system {
            return self.peer.failed("get an answer of", error);
        }
        let words: Vec<_> = deeper.map(ToString::to_string).collect();
        let (address, words) = (&self.peer.address, words.join(": "));
        Trouble::later(format!("cannot get an answer of {address}: {words}"))
    }

    /// What an answer means that is no success. `said` is what the receiver gives as its reason.
    pub(super) fn trouble(&self, answer: &Answer, said: &str) -> Trouble {
        let said = self.authorization.without_secret(said);
        answer.trouble(&self.peer.address, &self.authorization, &said)
    }

    /// What a receiver said, without our secret.
    pub(super) fn without_secret(&self, said: &str) -> String {
        self.authorization.without_secret(said)
    }
}

async fn exchange(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MOST_ANSWER).collect().await?;
    Ok(Answer {
        status: head.status,
        after: answer::after(&head.headers),
        body: body.to_bytes().to_vec(),
    })
}

fn gzip(body: &[u8]) -> Result<Vec<u8>, Trouble> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.map_err(|error| Trouble::later(format!("cannot compress: {error}")))
}

#[cfg(test)]
pub(super) mod tests;

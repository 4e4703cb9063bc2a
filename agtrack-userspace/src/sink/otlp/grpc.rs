//! OTLP over gRPC: the same requests, to the services of the same names.

mod answer;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt::Debug;
use std::io;

use hyper::Uri;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Extensions, Request, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::message::{Export, Exported};
use super::{Signal, export, log, partial, span};
use crate::sink::batch::Batch;
use crate::sink::http::Authorization;
use crate::sink::peer::Peer;
use crate::sink::settings::{Compression, Settings};
use crate::sink::tls::Tls;
use crate::sink::transport::{Accepted, Doing, Transport, Trouble};
use crate::sink::url::{HTTP, Url};

/// More of an answer is not read.
const MOST_ANSWER: usize = 16 << 20;
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let url = settings.url.as_deref();
    let url = url.ok_or_else(|| Trouble::Misconfigured("no `url` is given".to_owned()))?;
    let url = Url::parse(url, HTTP).map_err(Trouble::Misconfigured)?;
    let authorization = Authorization::new(settings, "Bearer")?;
    if let (true, Some(wrong)) = (authorization.is_some(), url.wrong_for_secrets()) {
        return Err(Trouble::Misconfigured(wrong));
    }
    if let Some(wrong) = url.wrong_for_grpc() {
        return Err(Trouble::Misconfigured(format!("`url`: {wrong}")));
    }
    let tls = match url.is_encrypted {
        // Servers turn those away that do not say it.
        true => Some(Tls::new(settings, &url.address.host)?.speaking("h2")),
        false => None,
    };
    let origin = url.to_string().parse();
    Ok(Box::new(Caller {
        origin: origin.map_err(|_| Trouble::Misconfigured("`url` has no host".to_owned()))?,
        peer: Peer {
            address: url.address,
            tls,
        },
        authorization,
        signal: settings.signal.unwrap_or_default(),
        compress: settings.compress.unwrap_or_default(),
        open: None,
    }))
}

struct Caller {
    /// Scheme, host and port, as requests have them.
    origin: Uri,
    peer: Peer,
    authorization: Authorization,
    signal: Signal,
    compress: Compression,
    open: Option<Grpc<Channel>>,
}

impl Caller {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let exported = match self.signal {
            Signal::Logs => self.call(LOGS, export(batch, log::record)).await?,
            Signal::Traces => self.call(TRACES, export(batch, span::of)).await?,
        };
        let Some(exported) = exported else {
            return Ok(Accepted::default());
        };
        let without_secret = |said: &str| self.authorization.without_secret(said);
        Ok(partial(batch, exported, without_secret))
    }

    /// Asks, and waits for the answer; none where there is nothing to ask.
    async fn call<T: Message + Default + Clone + Debug + 'static>(
        &mut self,
        path: &'static str,
        export: Option<Export<T>>,
    ) -> Result<Option<Exported>, Trouble> {
        let Some(export) = export else {
            return Ok(None);
        };
        if let Some(mut kept) = self.open.take() {
            match self.exchange(&mut kept, path, export.clone()).await {
                // It may have been closed in the meantime, which is nobody's fault.
                Err(status) if status.source().is_some() => {}
                answered => return self.keep(kept, answered).map(Some),
            }
        }
        let mut client = self.connect().await?;
        let answered = self.exchange(&mut client, path, export).await;
        self.keep(client, answered).map(Some)
    }

    async fn exchange<T: Message + Default + Debug + 'static>(
        &self,
        client: &mut Grpc<Channel>,
        path: &'static str,
        export: Export<T>,
    ) -> Result<Exported, Status> {
        let ready = client.ready().await;
        ready.map_err(|error| Status::from_error(Box::new(error)))?;
        let mut headers = HeaderMap::new();
        if let Some(value) = self.authorization.header() {
            headers.insert(AUTHORIZATION, value);
        }
        let metadata = MetadataMap::from_headers(headers);
        let request = Request::from_parts(metadata, Extensions::new(), export);
        let codec: ProstCodec<Export<T>, Exported> = ProstCodec::default();
        let path = PathAndQuery::from_static(path);
        let answer = client.unary(request, path, codec).await?;
        Ok(answer.into_inner())
    }

    /// A connection is used again while the other side answers.
    fn keep(
        &mut self,
        client: Grpc<Channel>,
        answered: Result<Exported, Status>,
    ) -> Result<Exported, Trouble> {
        if !answered
            .as_ref()
            .is_err_and(|status| status.source().is_some())
        {
            self.open = Some(client);
        }
        answered.map_err(|status| answer::meaning(&status, &self.peer.address, &self.authorization))
    }

    async fn connect(&self) -> Result<Grpc<Channel>, Trouble> {
        let stream = self.peer.connect().await?;
        let mut once = Some(TokioIo::new(stream));
        // The sink sees to it that a connection is made anew, so that it knows why one is not.
        let connector = service_fn(move |_: Uri| {
            let stream = once.take();
            async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)) }
        });
        let failed = |error: &dyn Error| {
            let address = &self.peer.address;
            Trouble::later(format!("cannot speak gRPC with {address}: {error}"))
        };
        let endpoint = Endpoint::from(self.origin.clone())
            .user_agent(concat!("agtrack/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| failed(&error))?;
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|error| failed(&error))?;
        let client = Grpc::with_origin(channel, self.origin.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MOST_ANSWER);
        Ok(match self.compress {
            Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
            Compression::None => client,
        })
    }
}

impl Transport for Caller {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }
}

//! The page's server for `cargo xtask serve`: the built files, the API below /api/, and word of each new build.

use std::{
    fs::File,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, anyhow};
use tiny_http::{Header, Request, Response, Server};
use ureq::{Agent, http};

/// Serves one folder on this machine, on both loopback addresses.
#[derive(Debug)]
pub(crate) struct PageServer {
    folder: PathBuf,
    /// The API's address, if the path /api/ is passed on to it.
    api: Option<String>,
    agent: Agent,
    pages: Mutex<OpenPages>,
}

/// The open pages, and the build that they are told of.
struct OpenPages {
    build: u128,
    open: Vec<Box<dyn Write + Send>>,
}

impl PageServer {
    pub(crate) fn start(port: u16, folder: PathBuf, api: Option<String>) -> Result<Arc<Self>> {
        let agent = crate::http::agent();
        // A page that was open before this start loads its build.
        let build = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let pages = Mutex::new(OpenPages { build, open: Vec::new() });
        let server = Arc::new(Self { folder, api, agent, pages });
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        for address in loopback {
            match Server::http((address, port)) {
                Ok(listener) => server.clone().listen(listener),
                // This machine has no IPv6.
                Err(_) if address.is_ipv6() => {}
                Err(error) => return Err(anyhow!("The page cannot be served on port {port}: {error}.")),
            }
        }
        Ok(server)
    }

    /// Lets the open pages load the new build.
    pub(crate) fn announce(&self) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.build += 1;
        let event = event(pages.build);
        pages.open.retain_mut(|page| page.write_all(event.as_bytes()).and_then(|()| page.flush()).is_ok());
    }

    fn listen(self: Arc<Self>, listener: Server) {
        thread::spawn(move || {
            for request in listener.incoming_requests() {
                let server = Arc::clone(&self);
                // An error means that the browser has left.
                thread::spawn(move || server.answer(request));
            }
        });
    }

    fn answer(&self, request: Request) -> io::Result<()> {
        // Another site's name may lead to this machine, and its pages would be of one origin with these.
        let host = request.headers().iter().find(|header| header.field.equiv("Host"));
        if !host.is_some_and(|host| is_this_machine(host.value.as_str())) {
            return request.respond(Response::empty(403));
        }
        let path = request.url().split('?').next().unwrap_or_default().to_owned();
        match (path.strip_prefix("/api/"), &self.api) {
            _ if path == BUILDS => self.keep_open(request),
            (Some(_), Some(api)) => self.pass_on(request, api),
            _ => self.send_file(request, path.trim_start_matches('/')),
        }
    }

    /// Sends a server-sent event for each build, beginning with this one.
    fn keep_open(&self, request: Request) -> io::Result<()> {
        let mut page = request.into_writer();
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
                    Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\nretry: 1000\n";
        write!(page, "{head}{}", event(pages.build))?;
        page.flush()?;
        pages.open.push(page);
        Ok(())
    }

    fn pass_on(&self, mut request: Request, api: &str) -> io::Result<()> {
        let mut body = Vec::new();
        request.as_reader().read_to_end(&mut body)?;
        let url = format!("{api}{}", request.url().strip_prefix("/api").unwrap_or_default());
        let mut call = http::Request::builder().method(request.method().as_str()).uri(url);
        for header in
            request.headers().iter().filter(|header| !is_of_connection(header.field.as_str().as_str()))
        {
            call = call.header(header.field.as_str().as_str(), header.value.as_str());
        }
        let called = if body.is_empty() {
            call.body(()).map_err(ureq::Error::from).and_then(|call| self.agent.run(call))
        } else {
            call.body(body).map_err(ureq::Error::from).and_then(|call| self.agent.run(call))
        };
        let (head, body) = match called {
            Ok(answer) => answer.into_parts(),
            Err(error) => {
                let words = format!("The API does not answer: {error}.\n");
                return request.respond(Response::from_string(words).with_status_code(502));
            }
        };
        let headers = head.headers.iter().filter(|(name, _)| !is_of_connection(name.as_str()));
        let headers =
            headers.filter_map(|(name, value)| Header::from_bytes(name.as_str(), value.as_bytes()).ok());
        let length = body.content_length().and_then(|length| usize::try_from(length).ok());
        request.respond(Response::new(
            head.status.as_u16().into(),
            headers.collect(),
            body.into_reader(),
            length,
            None,
        ))
    }

    /// Every path without a file is the page, unless it looks like a file's.
    fn send_file(&self, request: Request, path: &str) -> io::Result<()> {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let file = self.folder.join(path);
        let page = self.folder.join("index.html");
        let found = match inside && file.is_file() {
            true => File::open(file).map(|file| (file, media_type(path))),
            false if path.contains('.') => Err(io::ErrorKind::NotFound.into()),
            false => File::open(page).map(|file| (file, media_type(".html"))),
        };
        let Ok((file, kind)) = found else { return request.respond(Response::empty(404)) };
        let headers = [("Content-Type", kind), ("Cache-Control", "no-store")];
        let headers = headers.into_iter().filter_map(|(name, value)| Header::from_bytes(name, value).ok());
        let response = Response::from_file(file);
        request.respond(headers.fold(response, Response::with_header))
    }
}

impl std::fmt::Debug for OpenPages {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} pages of build {}", self.open.len(), self.build)
    }
}

fn event(build: u128) -> String {
    format!("data: {build}\n\n")
}

/// Headers of a connection, which are not passed on (RFC 9110, 7.6.1), and the body's length, which is written anew.
fn is_of_connection(name: &str) -> bool {
    let names =
        ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a `Host` header names this machine.
fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// Where the page hears of builds.
pub(crate) const BUILDS: &str = "/_builds";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{
        fs,
        io::{BufRead as _, BufReader},
        net::TcpListener,
    };

    use super::*;
    use crate::{cache, http as client};

    #[test]
    fn files_calls_and_builds_reach_the_page() {
        let folder = std::env::temp_dir().join(format!("xtask-page-server-{}", std::process::id()));
        cache::empty(&folder.join("pages")).unwrap();
        fs::write(folder.join("secret.txt"), "secret").unwrap();
        fs::write(folder.join("pages/index.html"), "the page").unwrap();
        fs::write(folder.join("pages/app.wasm"), "the app").unwrap();

        // An API that answers with what it was asked.
        let api = Server::http("127.0.0.1:0").unwrap();
        let address = format!("http://{}", api.server_addr());
        thread::spawn(move || {
            for mut request in api.incoming_requests() {
                let mut text = format!("{} {} ", request.method(), request.url());
                request.as_reader().read_to_string(&mut text).unwrap();
                let host = request.headers().iter().find(|header| header.field.equiv("Host")).unwrap();
                text.push_str(&format!(" at {}", host.value));
                let mut answer = Response::from_string(text).with_status_code(307);
                for header in ["Set-Cookie: a=1", "Set-Cookie: b=2", "Location: /elsewhere"] {
                    answer.add_header(header.parse::<Header>().unwrap());
                }
                request.respond(answer).unwrap();
            }
        });

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let server = PageServer::start(port, folder.join("pages"), Some(address)).unwrap();
        let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
        let get = |path: &str| {
            let mut answer = client::agent().get(url(path)).call().unwrap();
            let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
            (answer.status().as_u16(), kind.unwrap_or_default(), answer.body_mut().read_to_string().unwrap())
        };
        let page = (200, "text/html; charset=utf-8".to_owned(), "the page".to_owned());
        assert_eq!(get("/"), page);
        assert_eq!(get("/deep/link?x=1"), page);
        assert_eq!(get("/app.wasm"), (200, "application/wasm".to_owned(), "the app".to_owned()));
        for path in ["/missing.js", "/../secret.txt", "//etc/../secret.txt"] {
            assert_eq!(get(path).0, 404, "{path}");
        }

        for (method, sent, body) in [("POST", "name=x", "name=x"), ("GET", "", ""), ("DELETE", "", "")] {
            let call = http::Request::builder().method(method).uri(url("/api/api/token?a=b"));
            let mut answer = match sent {
                "" => client::agent().run(call.body(()).unwrap()).unwrap(),
                sent => client::agent().run(call.body(sent).unwrap()).unwrap(),
            };
            assert_eq!(answer.status(), 307, "a redirect is the page's to refuse");
            assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
            let expected = format!("{method} /api/token?a=b {body} at 127.0.0.1:{port}");
            assert_eq!(answer.body_mut().read_to_string().unwrap(), expected);
        }

        for (host, allowed) in
            [("localhost:80", 200), ("127.0.0.1", 200), ("[::1]:8080", 200), ("evil.example:8080", 403)]
        {
            let call = client::agent().get(url("/")).header("Host", host).call().unwrap();
            assert_eq!(call.status(), allowed, "{host}");
        }

        let builds = client::agent().get(url(BUILDS)).call().unwrap();
        let lines = BufReader::new(builds.into_body().into_reader()).lines().map_while(io::Result::ok);
        let mut builds = lines.filter(|line| line.starts_with("data: "));
        let first = builds.next().unwrap();
        server.announce();
        assert_ne!(builds.next().unwrap(), first);
        cache::remove(&folder).unwrap();
    }
}

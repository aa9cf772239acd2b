// Reads whose session this browser remembers, limits where the page may send to, and says why it does not start, or that it has
// stopped. The build puts it into index.html, because any other file may be missing. It is the same in every build, so that a
// policy can allow it by its hash.
{
  const restrict = (policy) => {
    const meta = document.createElement("meta");
    meta.httpEquiv = "Content-Security-Policy";
    meta.content = policy;
    document.head.append(meta);
  };

  const setting = (name) => (document.querySelector("[name=" + name + "]") || { content: "" }).content.trim();

  // If this browser remembers a session (src/browser/remembered.rs), the document is hidden until early.js shows the signed-in
  // view.
  try {
    const base = new URL(setting("api-base-url") || "/", location).href.replace(/\/+$/, "");
    const [tab, profile] = [sessionStorage, localStorage].map((area) => area["yew-jwt-auth:" + base + ":user"]);
    const user = setting("auth-refresh-token") == "memory" ? tab : profile;
    if (user && (tab || user) == user) self.remembered = user;
    document.documentElement.hidden = !!self.remembered;
  } catch (_) {
    // Storage is denied, or the setting is wrong.
  }

  // The built page's policy names no server, because only this setting does. Pages of `cargo xtask serve`
  // and `trunk serve` have no policy.
  if (document.querySelector("[http-equiv=Content-Security-Policy]"))
    try {
      const server = new URL(setting("api-base-url") || "/", location).origin;
      // A policy has no word for an IPv6 address.
      if (!server.includes("[")) restrict(["connect-src 'self'", location.origin, server].join(" "));
      // Connects now, so that the first call does not wait for it. Calls to the page's own origin take another connection.
      if (server != location.origin) {
        const link = document.createElement("link");
        link.rel = "preconnect";
        link.href = server;
        link.crossOrigin = "";
        document.head.append(link);
      }
    } catch (_) {
      // The page itself says that the setting is wrong.
    }

  // A page of another origin must not show this one as its own (clickjacking).
  let framed = true;
  try {
    for (let at = self; ; at = at.parent) {
      if (at.location.origin != location.origin) break;
      if (at == top) {
        framed = false;
        break;
      }
    }
  } catch (_) {}
  if (framed) {
    restrict("script-src 'none'");
    // It must not even show its form.
    document.documentElement.hidden = true;
  }

  const WHOM = "tell whoever runs this page.";
  const NOT_SET_UP = "This page is not set up correctly: " + WHOM;

  // What the policy has forbidden: the directive, by address.
  const forbidden = {};
  document.addEventListener("securitypolicyviolation", (event) => {
    if (event.disposition == "enforce") forbidden[event.blockedURI] = event.effectiveDirective;
  });

  // Fetches anew, which also replaces a bad answer in the browser's cache.
  const get = (url) => fetch(url, { cache: "reload" }).catch(() => {});

  // The sentence for the visitor, and the cause for the owner.
  const why = async (url, error) => {
    const name = url.split("/").pop();
    if (!self.WebAssembly)
      return [
        "This browser has no WebAssembly, or it is switched off, as in Lockdown Mode. Allow it for this page, or use another browser.",
        "There is no WebAssembly.",
      ];
    try {
      // The smallest module: only a policy refuses it. WebKit does not ask the policy before the instance.
      new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])));
    } catch (_) {
      return [NOT_SET_UP, "The policy of this page lacks 'wasm-unsafe-eval'."];
    }

    // Firefox tells what the policy forbade only after the fetch has failed.
    const pause = new Promise((done) => setTimeout(done, 500));
    const [page, file] = await Promise.all([get(location.href), get(url), pause]);
    if (!page && self.origin == "null")
      return [
        "This page does not work inside a frame that isolates it, or as a file. Open its address in a tab of its own.",
        "The origin of this page is opaque: it gets no files.",
      ];
    if (forbidden[url])
      return [NOT_SET_UP, "The policy of this page forbids " + name + ": " + forbidden[url]];
    if (!page)
      return [
        "The connection was lost. Check it, then reload this page.",
        name + " is out of reach, and so is the page.",
      ];
    if (page.ok && !(await page.text()).includes(name))
      return [
        "This page was updated. Reload it.",
        "This page is old: send it with Cache-Control: no-cache.",
      ];
    if (!file)
      return [
        "Something in this browser or network blocks a file of this page. Allow it, then reload the page.",
        name + " is out of reach, but the page is not.",
      ];

    const answered = name + " answered ";
    const type = file.headers.get("content-type");
    if (!file.ok)
      return ["A file of this page is missing. Try again later, or " + WHOM, answered + file.status];
    if (!/javascript|wasm/.test(type))
      return [
        "The server sent something else in place of a file of this page. Try again later, or " + WHOM,
        answered + type,
      ];
    // A fetch fails with a TypeError, also if the file's integrity differs.
    if (error instanceof RangeError)
      return ["This device has no memory left for this page. Close other pages, then reload it.", error];
    if (error && error.name != "TypeError")
      return ["This browser is too old for this page. Update it, or use another.", error];
    return [
      "A file of this page was changed, or did not arrive. Reload the page, or " + WHOM,
      name + " did not arrive, or does not have the content that this page was built with.",
    ];
  };

  // Shows one sentence in place of the page. The code may go on after a panic, but has no place in the document any more.
  const say = (heading, sentence) => {
    // The code takes up no login that early.js has sent.
    if (self.earlyLogin) earlyLogin.end();
    const [title, message] = ["h1", "p"].map((name) => document.createElement(name));
    title.textContent = document.title = heading;
    message.className = "message";
    message.setAttribute("role", "alert");
    message.textContent = sentence;
    const app = document.getElementById("app");
    const place = app.cloneNode();
    place.append(title, message);
    app.replaceWith(place);
    document.documentElement.hidden = false;
  };

  const tell = ([sentence, cause]) => {
    console.error(cause);
    if (document.getElementById("boot")) say("Log in", sentence);
  };

  // A panic of the code is a WebAssembly.RuntimeError. Expected failures are values, so a panic is a bug, and the page no longer
  // works. This script says so, because in the built page no code runs after a panic.
  const tellOfPanic = (error) => {
    if (!self.WebAssembly || !(error instanceof WebAssembly.RuntimeError)) return false;
    say("This page has stopped", "Something went wrong in this page. Reload it to go on.");
    return true;
  };

  self.startFailed = async (url, error) => {
    if (tellOfPanic(error)) console.error(error);
    else tell(await why(url, error));
  };

  // Firefox has no error event for a script that a policy forbids.
  if (framed)
    addEventListener("DOMContentLoaded", () =>
      tell([
        "This page does not work inside a page of another site. Open its address in a tab of its own.",
        "The page is in a frame of another origin.",
      ]),
    );
  else {
    addEventListener("error", ({ target, error }) => {
      if (target.type == "module") startFailed(target.src);
      else tellOfPanic(error);
    }, true);
    addEventListener("unhandledrejection", ({ reason }) => tellOfPanic(reason));
    // A policy may forbid early.js.
    document.addEventListener("readystatechange", () => (document.documentElement.hidden = false));
  }
}

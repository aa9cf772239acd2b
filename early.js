// Shows the right view before anything is painted, keeps what happens before the code runs, and sends a login that does not
// need the code. The build puts it into index.html, after the views that it has rendered there.
{
  const app = document.getElementById("app");
  const home = document.getElementById("home");
  const setting = (name) => {
    const tag = document.querySelector("[name=" + name + "]");
    return tag && tag.content.trim();
  };

  // loader.js has read whose session this browser remembers.
  if (home && self.remembered) {
    app.replaceChildren(home.content, document.getElementById("boot"));
    app.querySelector("bdi").textContent = remembered;
    document.title = "Signed in";
  }
  // A global would keep the name after a logout.
  delete self.remembered;
  document.documentElement.hidden = false;

  // The label may have been changed after the build.
  const label = setting("auth-username-label");
  const username = document.getElementById("username");
  if (label && username) username.placeholder = username.previousSibling.textContent = label;

  // Sends the login that the code would send, because a slow network brings the code seconds later. The code takes up the
  // answer (src/browser/early.rs). Only the contract `guide`, a name of visible ASCII and a simple address are handled here. All
  // other logins wait for the code.
  const logIn = () => {
    const [name, secret] = [...app.querySelectorAll("input")].map((input) => input.value);
    const base = setting("api-base-url");
    if (base == null || !/^(https?:\/\/[\w.:-]+)?(\/[\w.~-]+)*\/?$/i.test(base)) return;
    if ((setting("auth-contract") || "guide") != "guide" || !/^[!-~]+$/.test(name) || !secret) return;
    // On an insecure page the notice about that comes first.
    if (self.earlyLogin || !isSecureContext) return;
    const inCookie = setting("auth-refresh-token") == "cookie";
    // The server ends the session whose cookie a login carries. If this browser remembers a session, the code decides.
    if (inCookie && Object.keys(localStorage).some((key) => /^yew-jwt-auth:.*:user$/.test(key))) return;

    const address = new URL(base || "/", location).href.replace(/\/+$/, "");
    const post = (path, type, body, keepalive) => {
      const headers = { accept: "application/json", "content-type": type };
      if (inCookie) headers["x-requested-with"] = "yew-jwt-auth";
      return fetch(address + path, {
        method: "POST",
        headers,
        body,
        cache: "no-store",
        credentials: inCookie ? "same-origin" : "omit",
        keepalive,
        redirect: "manual",
        referrerPolicy: "no-referrer",
      });
    };
    const fields = { grant_type: "password", username: name, password: secret };
    if (inCookie) fields.refresh_custody = "cookie";
    const body = new URLSearchParams(fields) + "";
    const clocks = () => [performance.now(), Date.now()];
    const sent = clocks();
    const answer = post("/token", "application/x-www-form-urlencoded", body, false);
    // Logs out at the server what the login began.
    const end = () => {
      delete self.earlyLogin;
      answer
        .then((it) => it.json())
        .then(({ refresh_token, sid, session_key }) => {
          const tokens = JSON.stringify({ refresh_token, sid, session_key });
          if (refresh_token || sid) post("/logout", "application/json", tokens, true);
        })
        .catch(() => {});
    };
    // Gives the answer to the same login, and ends this one if the code makes another.
    const take = (url, wanted) => {
      if (new URL(url).href != address + "/token") return;
      if (wanted != body) return end();
      delete self.earlyLogin;
      return answer;
    };
    const login = { take, end };
    self.earlyLogin = login;
    answer.then(
      // A token is as old as the middle of the call that brought it.
      (it) => (it.midpoint = clocks().map((now, at) => (now + sent[at]) / 2)),
      // The code tries again.
      () => self.earlyLogin == login && delete self.earlyLogin,
    );
  };

  // A page of `cargo xtask serve` or `trunk serve` has no such views, and all of this finds nothing.
  const parts = () => [...app.querySelectorAll("input, button")];
  const key = (part) => part.id || part.textContent;
  let pressed;
  const note = (button) => {
    // Nothing overtakes a logout.
    if (pressed && pressed.textContent == "Logout") return;
    pressed = button;
    // Main buttons alone show what is under way.
    for (const part of parts()) part.classList.toggle("running", part == button && part.matches(".primary"));
    app.querySelector("[role=status].progress").textContent = button ? (self.earlyLogin ? "Signing in…" : "Loading…") : "";
  };
  const act = (event) => {
    if (event.type == "input") {
      if (self.earlyLogin) earlyLogin.end();
      return note();
    }
    // The Enter key in a form clicks its button, and a password manager may submit without a click.
    const isSubmit = event.type == "submit";
    const button = isSubmit ? app.querySelector("[type=submit]") : event.target.closest("button");
    if (isSubmit || (button && button.type == "submit")) {
      event.preventDefault();
      try {
        logIn();
      } catch (_) {
        // The code logs in, or says what is wrong.
      }
    }
    if (button) note(button);
  };
  // What is typed after the Enter key belongs to no login yet.
  const events = ["click", "submit", "input"];
  for (const event of events) app.addEventListener(event, act);

  // A page that was put away before its code ran comes back as it was, whatever happened meanwhile.
  const reload = ({ persisted }) => persisted && location.reload();
  addEventListener("pageshow", reload);

  // Calls `mount`, which replaces the view by the same one with code behind it.
  self.takeOver = (mount) => {
    for (const event of events) app.removeEventListener(event, act);
    removeEventListener("pageshow", reload);
    const focused = document.activeElement;
    const { selectionStart, selectionEnd } = focused;
    const before = parts();
    // The signed-in view names itself when it is mounted.
    document.title = "Log in";
    mount();
    const after = parts();
    // A translator changes texts, but no places.
    const isSame = after.length == before.length && before.every((part, at) => part.type == after[at].type);
    const heir = (part, at) => (isSame ? after[at] : after.find((heir) => key(heir) == key(part)));
    let isTaken = false;
    before.forEach((part, at) => {
      const next = heir(part, at);
      if (!next) return;
      if (part.value) next.value = part.value;
      if (part == focused) {
        next.focus({ preventScroll: true });
        if (next.setSelectionRange) next.setSelectionRange(selectionStart, selectionEnd);
      }
      if (part == pressed) {
        next.click();
        isTaken = true;
      }
    });
    // The page shows a session, or that a setting is wrong, in place of the form.
    if (self.earlyLogin && !isTaken) earlyLogin.end();
  };
}

// Shows the right view before anything is painted, and keeps what happens before the code runs. The build puts it into
// index.html, after the views that it has rendered there.
{
  const app = document.getElementById("app");
  const home = document.getElementById("home");
  const setting = (name) => (document.querySelector("[name=" + name + "]") || {}).content;

  // loader.js has read whose session this browser remembers.
  if (home && self.remembered) {
    app.replaceChildren(home.content, document.getElementById("boot"));
    app.querySelector("bdi").textContent = remembered;
    document.title = "Signed in";
  }
  document.documentElement.hidden = false;

  // The label may have been changed after the build.
  const label = setting("auth-username-label");
  const username = document.getElementById("username");
  if (label && username) username.placeholder = username.previousSibling.textContent = label;

  // A page of `trunk serve` has no such views, and all of this finds nothing.
  const parts = () => [...app.querySelectorAll("input, button")];
  const key = (part) => part.id || part.textContent;
  let pressed;
  const press = ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    pressed = key(button);
    button.classList.add("running");
    app.querySelector("[role=status].progress").textContent = "Loading…";
  };
  // The Enter key in a form clicks its button, too.
  app.addEventListener("click", press);

  // Calls `mount`, which replaces the view by the same one with code behind it.
  self.takeOver = (mount) => {
    app.removeEventListener("click", press);
    const focused = document.activeElement;
    const { selectionStart, selectionEnd } = focused;
    const before = parts();
    mount();
    const after = parts();
    for (const part of before) {
      const heir = after.find((heir) => key(heir) == key(part));
      if (!heir) continue;
      if (part.value) heir.value = part.value;
      if (part == focused) {
        heir.focus();
        if (heir.setSelectionRange) heir.setSelectionRange(selectionStart, selectionEnd);
      }
      if (key(part) == pressed) heir.click();
    }
  };
}

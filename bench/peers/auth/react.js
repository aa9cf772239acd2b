// The guide's calls with nothing but fetch: after a 401 one refresh, and the request once more.
import { API, accessToken, form, keep, logout, refreshToken, signedIn } from "./api.js";

export { logout, signedIn };

export const login = async (username, password) => {
  const response = await fetch(`${API}/token`, { method: "POST", body: form(username, password) });
  if (!response.ok) throw new Error(`The login failed (${response.status}).`);
  keep(await response.json());
};

const refresh = async () => {
  const response = await fetch(`${API}/refresh`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh_token: refreshToken() }),
  });
  if (!response.ok) {
    logout();
    throw new Error("The session is over. Log in again.");
  }
  keep(await response.json());
};

const ask = () =>
  fetch(`${API}/protected-route`, { headers: { Authorization: `Bearer ${accessToken()}` } });

export const get = async () => {
  let response = await ask();
  if (response.status === 401) {
    await refresh();
    response = await ask();
  }
  if (!response.ok) throw new Error(`The request failed (${response.status}).`);
  return response.json();
};

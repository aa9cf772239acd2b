// oidc-client-ts with the password grant. It refreshes by a form to the same endpoint, which the guide's server does
// not have, so only its login and its start are compared.
import { UserManager, WebStorageStateStore } from "oidc-client-ts";

import { API } from "./api.js";

const manager = new UserManager({
  authority: API,
  client_id: "page",
  redirect_uri: location.origin,
  metadata: { issuer: API, token_endpoint: `${API}/token` },
  userStore: new WebStorageStateStore({ store: localStorage }),
  automaticSilentRenew: false,
});

export const signedIn = async () => (await manager.getUser()) !== null;
export const login = (username, password) =>
  manager.signinResourceOwnerCredentials({ username, password, skipUserInfo: true });
export const logout = () => manager.removeUser();

export const get = async () => {
  const { access_token } = await manager.getUser();
  const response = await fetch(`${API}/protected-route`, {
    headers: { Authorization: `Bearer ${access_token}` },
  });
  if (!response.ok) throw new Error(`The request failed (${response.status}).`);
  return response.json();
};

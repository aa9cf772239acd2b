// A request with the access token and nothing else: the least that an authenticated GET can cost.
import { API, accessToken } from "./api.js";

export { login } from "./react.js";

export const get = async () => {
  const response = await fetch(`${API}/protected-route`, {
    headers: { Authorization: `Bearer ${accessToken()}` },
  });
  if (!response.ok) throw new Error(`The request failed (${response.status}).`);
  return response.json();
};

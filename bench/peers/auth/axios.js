// The guide's calls with axios, and axios-auth-refresh for what follows a 401, as its documentation shows it.
import axios from "axios";
import { createAuthRefresh } from "axios-auth-refresh";

import { API, accessToken, form, keep, logout, refreshToken, signedIn } from "./api.js";

export { logout, signedIn };

const api = axios.create({ baseURL: API });

api.interceptors.request.use((request) => {
  request.headers.Authorization = `Bearer ${accessToken()}`;
  return request;
});

const refresh = async () => {
  try {
    const { data } = await axios.post(`${API}/refresh`, { refresh_token: refreshToken() });
    keep(data);
  } catch (error) {
    if (error.response) logout();
    throw error;
  }
};

// By default all requests fail but the first, if several are refused at once. Without this option they share its refresh.
createAuthRefresh(api, refresh, { deduplicateRefresh: false });

export const login = async (username, password) => {
  const { data } = await axios.post(`${API}/token`, form(username, password));
  keep(data);
};

export const get = async () => (await api.get("/protected-route")).data;

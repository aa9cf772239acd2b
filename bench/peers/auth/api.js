// The API's address, from the same setting as in the pages of this project.
export const API = document.querySelector("[name=api-base-url]").content;

export const form = (username, password) =>
  new URLSearchParams({ grant_type: "password", username, password });

// Where the guide puts the tokens: the access token into session storage, the refresh token into local storage.
export const keep = ({ access_token, refresh_token }) => {
  sessionStorage.setItem("access_token", access_token);
  if (refresh_token) localStorage.setItem("refresh_token", refresh_token);
};

export const logout = () => {
  sessionStorage.removeItem("access_token");
  localStorage.removeItem("refresh_token");
};

export const accessToken = () => sessionStorage.getItem("access_token");
export const refreshToken = () => localStorage.getItem("refresh_token");
export const signedIn = () => refreshToken() !== null;

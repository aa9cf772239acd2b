// The guide's component: a form, and for a session the buttons that fetch and log out.
import { useState } from "react";
import { createRoot } from "react-dom/client";

const Login = ({ auth, initially }) => {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [signedIn, setSignedIn] = useState(initially);
  const [busy, setBusy] = useState(false);
  const [data, setData] = useState(null);
  const [error, setError] = useState(null);

  const call = async (what) => {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (error) {
      setError(error.message);
    }
    setSignedIn(await auth.signedIn());
    setBusy(false);
  };
  const login = (event) => {
    event.preventDefault();
    return call(async () => {
      await auth.login(username, password);
      setPassword("");
    });
  };
  const fetchData = () => call(async () => setData(await auth.get()));
  const logout = () =>
    call(async () => {
      await auth.logout();
      setData(null);
    });

  return (
    <main>
      {signedIn ? (
        <section>
          <h1>Signed in</h1>
          <button onClick={fetchData} disabled={busy}>Fetch Protected Data</button>
          <button onClick={logout}>Logout</button>
          {data && <pre>{JSON.stringify(data, null, 2)}</pre>}
        </section>
      ) : (
        <form onSubmit={login}>
          <h1>Log in</h1>
          <input
            aria-label="Username"
            placeholder="Username"
            autoComplete="username"
            value={username}
            onChange={(event) => setUsername(event.target.value)}
          />
          <input
            aria-label="Password"
            placeholder="Password"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
          <button disabled={busy}>Login</button>
        </form>
      )}
      {busy && <p role="status">Please wait…</p>}
      {error && <p role="alert">{error}</p>}
    </main>
  );
};

export const start = async (auth) => {
  const initially = await auth.signedIn();
  createRoot(document.getElementById("root")).render(<Login auth={auth} initially={initially} />);
};

import * as auth from "../auth/oidc.js";
import { start } from "../login.jsx";

start(auth);

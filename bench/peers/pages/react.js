import * as auth from "../auth/react.js";
import { start } from "../login.jsx";

start(auth);

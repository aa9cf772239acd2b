import * as auth from "../auth/axios.js";
import { start } from "../login.jsx";

start(auth);

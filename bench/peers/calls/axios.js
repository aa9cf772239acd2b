import * as auth from "../auth/axios.js";
import { expose } from "../calls.js";

expose(auth);

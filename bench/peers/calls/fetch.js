import * as auth from "../auth/fetch.js";
import { expose } from "../calls.js";

expose(auth);

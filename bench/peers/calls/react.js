import * as auth from "../auth/react.js";
import { expose } from "../calls.js";

expose(auth);

import { HOST_NAME } from "../shared/identity.js";

chrome.action.setTitle({ title: `Nearside: Not loaded (${HOST_NAME})` });

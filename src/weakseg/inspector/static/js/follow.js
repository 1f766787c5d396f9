// Follows the run: asks the server how far it is, and for its files when they have changed.

/** @import { Now, Run } from "../../types/answers" */

import { getNow, getRun } from "./common/api.js";
import { say } from "./common/dom.js";

const WORKING = 1500; // milliseconds between two questions
const FINISHED = 10_000; // the same where nothing is left to do, or the server does not answer

/**
 * @typedef {object} Follower
 * @property {(now: Now) => void} tell
 * @property {(run: Run) => unknown} changed
 */

/**
 * @param {Follower} follower
 * @param {string} stamp of the run that is shown
 */
export async function follow(follower, stamp) {
  let known = stamp;
  let answered = true;
  for (;;) {
    let wait = FINISHED;
    try {
      const now = document.hidden ? null : await getNow();
      answered = true;
      if (now && now.stamp !== known) {
        const run = await getRun();
        known = run.stamp;
        await follower.changed(run);
      }
      if (now) follower.tell(now);
      if (!now || now.stages.some(isOpen)) wait = WORKING;
    } catch (error) {
      if (answered && error instanceof Error) say(error.message, true);
      answered = false;
    }
    await new Promise((go) => setTimeout(go, wait));
  }
}

/** @type {(stage: Now["stages"][number]) => boolean} */
const isOpen = ({ state }) => state !== "finished" && state !== "reused";

/** Runs in the world of the page, in each frame, before the scripts of the page. */
export {};

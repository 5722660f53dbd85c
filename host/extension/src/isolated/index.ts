/** Runs beside the page, in each frame: the bridge between main world and worker. */
export {};

// Runs in each document of a page under test, before the page's own scripts, in their world: it
// sees what they see. Tells the rig of every media element's events through a DevTools binding.
// Changes no prototype.
(() => {
  const tell = globalThis.nearsideRigTell;
  const ids = new WeakMap();
  let next = 1;
  const types = ["loadstart", "loadedmetadata", "loadeddata", "canplay", "play", "playing"].concat([
    "pause",
    "waiting",
    "seeking",
    "seeked",
    "ended",
    "error",
    "emptied",
    "resize",
  ]);

  const report = (element, type, more) => {
    const { currentTime, paused, autoplay } = element;
    const state = { id: ids.get(element), type, at: Date.now(), currentTime, paused, autoplay };
    tell(JSON.stringify({ ...state, kind: element.localName, ...more }));
  };
  const onEvent = (event) => {
    const element = event.target;
    if (!(element instanceof HTMLMediaElement)) return;
    follow(element);
    // From here on the next picture is one that was played.
    if (event.type === "play") awaitFrame(element);
    const error = element.error && { code: element.error.code, message: element.error.message };
    report(element, event.type, { error });
  };
  const awaitFrame = (element) => {
    element.requestVideoFrameCallback?.(() => report(element, "frame", {}));
  };
  /** What was missed of an element that nobody has told of. */
  const catchUp = (element) => {
    if (!element.paused) awaitFrame(element);
    if (!element.paused || element.ended) report(element, "play", {});
    if (element.played.length > 0) report(element, "playing", {});
    if (element.ended) report(element, "ended", {});
  };
  const follow = (element) => {
    if (ids.has(element)) return ids.get(element);
    ids.set(element, next);
    next += 1;
    // Those in the document are heard there.
    if (element.getRootNode() !== document) {
      for (const type of types) element.addEventListener(type, onEvent);
      catchUp(element);
    }
    return ids.get(element);
  };
  for (const type of types) document.addEventListener(type, onEvent, true);
  Object.defineProperty(globalThis, "nearsideRigFollow", { value: follow });
})();

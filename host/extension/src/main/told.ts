/**
 * What the page was told of an element, and is still owed: whoever plays, it hears each thing
 * once. Owner: the element's control; the listener of the browser's events keeps it true.
 */
export class Told {
  /** The browser's element takes over: its events for that are not the page's. */
  changingHands = false;
  /** The browser has told the page `play`, and not `pause` since. */
  play = false;
  /** The page was told `playing`, and nothing since that says otherwise. */
  runs = false;
  /** The browser has told the page `ended`, and not gone elsewhere since. */
  ended = false;
  /** `play` and `pause` that the page has caused and not heard: the browser's to tell. */
  #coming = 0;
  /** The device waits to take over until the browser has told the page what it must. */
  #deferred = false;
  /** Events of a play() before the device took over, still on their way: the page's. */
  owed: "nothing" | "play" | "what follows" = "nothing";
  /** Before the browser took over, the page was told `playing`. */
  playing = false;
  /** The page knows that there is enough: the browser's next word on it is dropped. */
  dropsEnough = false;
  /** The page was told `seeking`, and the browser's element is still on its way there. */
  owesSeeked = false;
  /** The browser's element is moved to make room; the page did not seek. */
  makingRoom = false;
  /** It stands where the device has left it, not where the page did: how far it is does not count. */
  moved = false;
  /** `loadstart` of the current load was seen. */
  started = false;
  /** The page hears from here that the position is 0 again, and not from the browser. */
  resets = false;
  /** The browser's element lost its way to the file in mid-play: nobody knows, the device has it. */
  severed = false;
  /** It has neither played nor gone anywhere: it shows its poster, and no cue is active. */
  poster = true;
  /** The page was told `loadedmetadata`. */
  loaded = false;
  /** The page was told `loadeddata` for this source. */
  hasData = false;
  /** The page was told `canplaythrough` for this source. */
  settled = false;

  /** A `call` of the page's: whether the element is paused may change by it. */
  calls<T>(isPaused: () => boolean, call: () => T): T {
    const before = isPaused();
    const answer = call();
    if (isPaused() !== before) this.#coming += 1;
    return answer;
  }

  /** The browser tells of it. */
  hears(type: "play" | "pause"): void {
    this.play = type === "play";
    if (this.#coming > 0) this.#coming -= 1;
  }

  /**
   * Whether an element that stands still has more to say about that than the page has heard.
   * The device takes over when it has: {@link Told.takeDeferred}.
   */
  defers(paused: boolean, ended: boolean): boolean {
    const pauses = paused && (this.play || this.#coming > 0);
    this.#deferred = pauses || (ended && !this.ended);
    return this.#deferred;
  }

  /** Whether the device waited for what the page has just heard. */
  takeDeferred(): boolean {
    const deferred = this.#deferred;
    this.#deferred = false;
    return deferred;
  }

  /** Another plays from here on. */
  changesHands(): void {
    this.#coming = 0;
    this.moved = false;
    this.makingRoom = false;
  }

  /** The browser plays on; `changing`: it is sent there, or has to begin. */
  handsBack(running: boolean, ended: boolean, changing: boolean): void {
    this.playing = running;
    this.runs = running;
    this.ended = ended;
    this.changesHands();
    this.changingHands = changing;
  }

  /** The source has been loaded so far: `HTMLMediaElement.readyState`. */
  data(readyState: number): void {
    this.loaded = readyState > 0;
    this.hasData = readyState >= 2;
    this.settled = readyState >= 4;
  }

  /** There is enough, before the browser says so: whether the page is to hear `loadeddata`. */
  hasNewData(): boolean {
    const isNews = !this.hasData;
    this.hasData = true;
    this.settled = true;
    return isNews;
  }

  /** It goes elsewhere: what is owed for having enough comes with the end of the seek. */
  seeks(): void {
    this.settled = true;
    this.moved = false;
    this.makingRoom = false;
  }

  /** The element loads anew. */
  restart(): void {
    this.data(0);
    this.severed = false;
    this.poster = true;
    this.resets = false;
    this.makingRoom = false;
    this.moved = false;
    this.changingHands = false;
    this.owesSeeked = false;
    this.play = false;
    this.runs = false;
    this.ended = false;
    this.#coming = 0;
    this.#deferred = false;
    this.owed = "nothing";
  }
}

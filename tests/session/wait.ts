// Waiting with an end. Everything the rig waits for is an event of a program; a limit says
// when it will not come any more, and what was waited for.

/** Limit for one step of a healthy program on a busy machine, in milliseconds. */
export const STEP_MS = 20_000;

/** Something did not come in time. */
export class TooLate extends Error {}

/** `promise`, or `TooLate` after `limitMs`. `describe` adds what is known by then. */
export async function within<T>(
  limitMs: number,
  what: string,
  promise: Promise<T>,
  describe: () => string = () => "",
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TooLate(`no ${what} within ${limitMs / 1000} s ${describe()}`.trim()));
    }, limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms`: for playing time that a case is about, never to wait for a program. */
export function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A value that changes, and those who wait for it to be something. */
export class Watched<T> {
  #value: T;
  readonly #waiting = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    this.#value = value;
    for (const look of [...this.#waiting]) look(value);
  }

  /** Waits until the value `holds`: now, or after a change. */
  async until(
    what: string,
    holds: (value: T) => boolean,
    limitMs = STEP_MS,
    describe: (value: T) => string = () => "",
  ): Promise<T> {
    if (holds(this.#value)) return this.#value;
    let look: (value: T) => void = () => {};
    const come = new Promise<T>((resolve, reject) => {
      look = (value) => {
        try {
          if (holds(value)) resolve(value);
        } catch (error) {
          reject(error);
        }
      };
    });
    this.#waiting.add(look);
    try {
      return await within(limitMs, what, come, () => describe(this.#value));
    } finally {
      this.#waiting.delete(look);
    }
  }
}

/**
 * Looks again and again, for what nobody tells of, e.g. the pixels of a screen. Returns the first
 * value that `look` does not leave undefined.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined>,
  limitMs = STEP_MS,
  describe: () => string = () => "",
  pauseMs = LOOK_MS,
): Promise<T> {
  const until = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (until <= Date.now()) {
      throw new TooLate(`no ${what} within ${limitMs / 1000} s ${describe()}`.trim());
    }
    await elapse(pauseMs);
  }
}

const LOOK_MS = 30;

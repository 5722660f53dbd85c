/**
 * The language's natives, taken before any script of the page ran (the browser's: natives.ts).
 *
 * Invariant: code in this folder calls natives only through what is captured here. Pages
 * replace prototypes, globals and iterators, so no `for…of`, spread, `array.push`, `.then` or
 * plain `Map` stands in a path that runs later; index loops and these wrappers do.
 */

const { apply, construct, defineProperty, getOwnPropertyDescriptor, ownKeys } = Reflect;
const { freeze, setPrototypeOf } = Object;

export { apply, construct, defineProperty, getOwnPropertyDescriptor };

export const NativeFinalizationRegistry = FinalizationRegistry;
export const registerFinal = uncurry(FinalizationRegistry.prototype.register) as <T>(
  self: FinalizationRegistry<T>,
  target: object,
  held: T,
) => void;
export const { abs, ceil, clz32, floor, max, min, random, round } = Math;
export const isFiniteNumber = Number.isFinite;

/** A function with its receiver as first argument. */
export type Uncurried<T, A extends unknown[], R> = (self: T, ...args: A) => R;

export function uncurry<T, A extends unknown[], R>(
  method: (this: T, ...args: A) => R,
): Uncurried<T, A, R> {
  return (self, ...args) => apply(method, self, args) as R;
}

/** `instanceof`, which a page may define anew for a constructor. */
export function isInstance<T>(
  owner: abstract new (...args: never[]) => T,
  value: unknown,
): value is T {
  return apply(hasInstance, owner, [value]) as boolean;
}
// biome-ignore lint/complexity/noBannedTypes: of any constructor
const hasInstance: Function = Function.prototype[Symbol.hasInstance];

export const NativeTypeError = TypeError;
export const INFINITY = 1 / 0;

export interface Accessor<T, V> {
  get(self: T): V;
  set(self: T, value: V): void;
}

/** Getter and setter of an attribute, wherever on the prototype chain it is defined. */
export function accessor<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
): Accessor<T, T[K]> {
  const descriptor = getOwnPropertyDescriptor(prototype, name);
  const { get, set } = descriptor ?? {};
  return {
    get: (self) => (get ? (apply(get, self, []) as T[K]) : self[name]),
    set: (self, value) => {
      if (set) apply(set, self, [value]);
    },
  };
}

/** Gives a subclass its parent's methods as own ones and cuts it off from the parent. */
function harden(prototype: object, parent: object): void {
  for (const key of ownKeys(parent)) {
    const descriptor = getOwnPropertyDescriptor(parent, key);
    if (descriptor && key !== "constructor") defineProperty(prototype, key, descriptor);
  }
  setPrototypeOf(prototype, null);
  freeze(prototype);
}

export class SafeMap<K, V> extends Map<K, V> {}
export class SafeSet<T> extends Set<T> {}
export class SafeWeakMap<K extends object, V> extends WeakMap<K, V> {}
export class SafeWeakSet<T extends object> extends WeakSet<T> {}
harden(SafeMap.prototype, Map.prototype);
harden(SafeSet.prototype, Set.prototype);
harden(SafeWeakMap.prototype, WeakMap.prototype);
harden(SafeWeakSet.prototype, WeakSet.prototype);

/** Appends to a list that only this code holds. */
export function push<T>(list: T[], item: T): void {
  defineProperty(list, list.length, {
    __proto__: null,
    value: item,
    writable: true,
    enumerable: true,
    configurable: true,
  } as PropertyDescriptor);
}

/** Empties a list and returns what was in it. */
export function drain<T>(list: T[]): T[] {
  const items: T[] = [];
  for (let at = 0; at < list.length; at++) push(items, list[at] as T);
  list.length = 0;
  return items;
}

export const NativePromise = Promise;
/** As `answer.then(...)`, which asks the page's Promise what to make of it. */
export async function promiseThen<T>(
  answer: Promise<T>,
  fulfilled: (value: T) => void,
  rejected: (reason: unknown) => void,
): Promise<void> {
  let value: T;
  try {
    value = await answer;
  } catch (reason) {
    rejected(reason);
    return;
  }
  fulfilled(value);
}
export const NativeProxy = Proxy;
export const NativeWeakRef = WeakRef;
export const weakDeref = uncurry(WeakRef.prototype.deref) as <T extends object>(
  self: WeakRef<T>,
) => T | undefined;

export const lowerCase = uncurry(String.prototype.toLowerCase);
export const trim = uncurry(String.prototype.trim);
export const indexOf = uncurry(String.prototype.indexOf as (this: string, text: string) => number);
export const slice = uncurry(
  String.prototype.slice as (this: string, from: number, to?: number) => string,
);

/** Parts of `text` between `separator`s, each trimmed. */
export function parts(text: string, separator: string): string[] {
  const found: string[] = [];
  let rest = text;
  for (let at = indexOf(rest, separator); at >= 0; at = indexOf(rest, separator)) {
    push(found, trim(slice(rest, 0, at)));
    rest = slice(rest, at + separator.length);
  }
  push(found, trim(rest));
  return found;
}

export function contains<T>(list: readonly T[], item: T): boolean {
  for (let at = 0; at < list.length; at++) if (list[at] === item) return true;
  return false;
}

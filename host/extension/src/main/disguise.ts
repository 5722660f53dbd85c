/**
 * Puts own code in front of natives so that a page sees the native: same name, length,
 * prototype, `toString`, property attributes, and error stacks without our frames.
 *
 * A wrapper is a Proxy of the native itself. `Function.prototype.toString` of the page's
 * realm answers for the native behind it.
 */
import {
  apply,
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  NativeProxy,
  SafeWeakMap,
  uncurry,
} from "./primordials.js";

// biome-ignore lint/complexity/noBannedTypes: any native function
type Callable = Function;

const natives = new SafeWeakMap<object, Callable>();
const split = uncurry(String.prototype.split as (this: string, by: string) => string[]);
const includes = uncurry(String.prototype.includes);
const nativeReflectSet = Reflect.set;

/** This script's address, as stacks name it. */
const ownAddress = /[a-z-]+:\/\/[^\s)]+?(?=:\d+:\d+)/.exec(new Error().stack ?? "")?.[0] ?? null;

/** Takes our frames out of the stack of an error that goes to the page. */
function cleaned(error: unknown): unknown {
  if (ownAddress === null || typeof error !== "object" || error === null) return error;
  const stack: unknown = (error as { stack?: unknown }).stack;
  if (typeof stack !== "string" || !includes(stack, ownAddress)) return error;
  const lines = split(stack, "\n");
  let kept = lines[0] ?? "";
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] as string;
    if (!includes(line, ownAddress)) kept += `\n${line}`;
  }
  nativeReflectSet(error, "stack", kept);
  return error;
}

function disguise(original: Callable, traps: ProxyHandler<Callable>): Callable {
  const proxy = new NativeProxy(original, { __proto__: null, ...traps } as ProxyHandler<Callable>);
  natives.set(proxy, original);
  return proxy;
}

/** What runs in a native's place; `original` calls the native on the same receiver. */
export type Replacement = (original: Callable, self: unknown, args: ArrayLike<unknown>) => unknown;

function callable(original: Callable, run: Replacement): Callable {
  return disguise(original, {
    apply(target, self, args: unknown[]) {
      try {
        return run(target, self, args);
      } catch (error) {
        throw cleaned(error);
      }
    },
  });
}

/** Replaces a method, if the browser has it. */
export function wrapMethod(owner: object, name: string, run: Replacement): void {
  const descriptor = getOwnPropertyDescriptor(owner, name);
  if (typeof descriptor?.value !== "function") return;
  defineProperty(owner, name, { ...descriptor, value: callable(descriptor.value, run) });
}

/** Replaces the getter of an attribute, if the browser has it. */
export function wrapGetter(
  owner: object,
  name: string,
  run: (original: Callable, self: unknown) => unknown,
): void {
  const descriptor = getOwnPropertyDescriptor(owner, name);
  if (!descriptor?.get) return;
  const get = callable(descriptor.get, run) as () => unknown;
  defineProperty(owner, name, { ...descriptor, get });
}

/** Replaces the setter of an attribute, if the browser has it. */
export function wrapSetter(
  owner: object,
  name: string,
  run: (original: Callable, self: unknown, value: unknown) => void,
): void {
  const descriptor = getOwnPropertyDescriptor(owner, name);
  if (!descriptor?.set) return;
  const set = callable(descriptor.set, (original, self, args) => run(original, self, args[0]));
  defineProperty(owner, name, { ...descriptor, set: set as (value: unknown) => void });
}

/** Looks at the arguments before, and at the object after, a native constructor. */
export function wrapConstructor(
  owner: object,
  name: string,
  run: (args: ArrayLike<unknown>, make: () => object) => object,
): void {
  const descriptor = getOwnPropertyDescriptor(owner, name);
  const original: unknown = descriptor?.value;
  if (!descriptor || typeof original !== "function") return;
  const proxy = disguise(original, {
    construct(target, args: unknown[], newTarget) {
      const by = newTarget === proxy ? target : newTarget;
      try {
        return run(args, () => construct(target, args, by) as object);
      } catch (error) {
        throw cleaned(error);
      }
    },
  });
  defineProperty(owner, name, { ...descriptor, value: proxy });
  const prototype: unknown = original.prototype;
  if (typeof prototype !== "object" || prototype === null) return;
  const back = getOwnPropertyDescriptor(prototype, "constructor");
  if (back?.value === original) {
    defineProperty(prototype, "constructor", { ...back, value: proxy });
  }
}

/** Calls the native behind a wrapper. */
export function call(original: Callable, self: unknown, args: ArrayLike<unknown>): unknown {
  return apply(original, self, args);
}

wrapMethod(Function.prototype, "toString", (original, self) =>
  apply(original, natives.get(self as object) ?? self, []),
);

/**
 * `activeCues` of text tracks: while the device plays, which cues are active is ours to say.
 *
 * A track has one list for all its life, which is filled anew when the page asks for it. That
 * is ours from the first time on: it stays the same when hands change.
 */
import { call, wrapGetter, wrapMethod } from "./disguise.js";
import { accessor, defineProperty, push, SafeWeakMap } from "./primordials.js";

const { create } = Object;
const CUE_LIST = TextTrackCueList.prototype;
const listLength = accessor(CUE_LIST, "length");
const cueId = accessor(TextTrackCue.prototype, "id");
const nativeActive = accessor(TextTrack.prototype, "activeCues");

/** What is in the lists made here. */
const contents = new SafeWeakMap<object, readonly TextTrackCue[]>();
const lists = new SafeWeakMap<TextTrack, TextTrackCueList>();

function cuesIn(list: TextTrackCueList | null): TextTrackCue[] {
  const cues: TextTrackCue[] = [];
  const length = list === null ? 0 : listLength.get(list);
  for (let at = 0; at < length; at++) push(cues, list?.[at] as TextTrackCue);
  return cues;
}

/** What the browser takes for active. */
export function cuesOfBrowser(track: TextTrack): TextTrackCue[] {
  return cuesIn(nativeActive.get(track));
}

/** The track's list, with `cues` in it. */
function listOf(track: TextTrack, cues: readonly TextTrackCue[]): TextTrackCueList {
  let list = lists.get(track);
  if (!list) {
    list = create(CUE_LIST) as TextTrackCueList;
    lists.set(track, list);
  }
  const before = contents.get(list)?.length ?? 0;
  for (let at = 0; at < cues.length; at++) {
    const property = { __proto__: null, value: cues[at], enumerable: true, configurable: true };
    defineProperty(list, at, property as PropertyDescriptor);
  }
  for (let at = cues.length; at < before; at++) delete list[at];
  contents.set(list, cues);
  return list;
}

/** `ours`: the active cues of a track that the device plays; `null` for others. */
export function installCueLists(ours: (track: TextTrack) => readonly TextTrackCue[] | null): void {
  wrapGetter(TextTrack.prototype, "activeCues", (original, self) => {
    const list = call(original, self, []) as TextTrackCueList | null;
    return list && listOf(self as TextTrack, ours(self as TextTrack) ?? cuesIn(list));
  });
  wrapGetter(
    CUE_LIST,
    "length",
    (original, self) => contents.get(self as object)?.length ?? call(original, self, []),
  );
  wrapMethod(CUE_LIST, "getCueById", (original, self, args) => {
    const cues = contents.get(self as object);
    // Without an argument the browser says what is wrong.
    if (!cues || args.length === 0) return call(original, self, args);
    const id = `${args[0] as string}`;
    for (let at = 0; at < cues.length; at++) {
      const cue = cues[at] as TextTrackCue;
      if (id !== "" && cueId.get(cue) === id) return cue;
    }
    return null;
  });
}

#!/usr/bin/env python3
"""The stage and mpv on the same files, in turn: CPU, memory, dropped pictures; and what only we
have: first picture, seeks, A/V offset, what agent and panel cost while nothing happens.

Runs on a display and a sound server of its own. Prints a Markdown table; `--json FILE` keeps
every number, `--readme FILE` puts the table between that file's bench markers.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time

from players import PlayFailed, mpv, nearside, probe
from rig import Rig, command_role, descendants, memory_bytes
from table import markdown, put_between_markers
from witness import Witness

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIPS = [os.path.join(ROOT, "assets/clip", name)
         for name in ("flash-beep-1080p30.mp4", "flash-beep-vp9.webm")]  # fmt: skip
# Far and near, forwards and backwards, on and between key frames.
SEEKS_MS = [7000, 1500, 4733, 8250, 300, 5000]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*", default=CLIPS, help="what to play (the demo's clips)")
    parser.add_argument("--programs", required=True, help="folder with the built programs")
    parser.add_argument("--window", default="1280x720", metavar="WxH")
    parser.add_argument("--rounds", type=int, default=3, help="times each player plays each file")
    parser.add_argument("--renderers", default="vulkan,gl", help="of vulkan, gl")
    parser.add_argument("--idle-seconds", type=float, default=10.0)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--readme", metavar="FILE")
    return parser.parse_args()


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    version = subprocess.run(["mpv", "--version"], capture_output=True, text=True).stdout
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "mpv": version.split()[1] if version else "?",
    }


def compare(rig, options, path, renderer, errors):
    """Both players in turn, the first one changing; {player: [run]}."""
    facts = probe(path)
    runs = {"stage": [], "mpv": []}
    for turn in range(options.rounds):
        order = [("stage", nearside), ("mpv", mpv)]
        for name, play in order if turn % 2 == 0 else reversed(order):
            said = f"{os.path.basename(path)}, {renderer}, {name}, round {turn + 1}"
            print(said, file=sys.stderr, flush=True)
            try:
                runs[name].append(play(rig, options, path, facts, renderer))
            except PlayFailed as failure:
                errors.append(f"{said}: {failure}")
                print(f"  {failure}", file=sys.stderr)
    return {"file": os.path.basename(path), "renderer": renderer, "facts": facts, "runs": runs}


def seeks(rig, options, path, renderer, errors):
    """Seek times in milliseconds of both, while playing."""
    facts = probe(path)
    print(f"{os.path.basename(path)}, {renderer}, seeks", file=sys.stderr, flush=True)
    actions = [{"at_ms": 1500 * (turn + 1), "do": "seek", "to_ms": to_ms}
               for turn, to_ms in enumerate(SEEKS_MS)]  # fmt: skip
    found = {"file": os.path.basename(path), "renderer": renderer}
    try:
        run = nearside(rig, options, path, facts, renderer, actions, 1.5 * len(SEEKS_MS) + 3)
        found["stage"] = (run["report"].get("video") or {}).get("seeks_ms", [])
    except PlayFailed as failure:
        errors.append(f"seeks of the stage: {failure}")
    try:
        found["mpv"] = mpv(rig, options, path, facts, renderer, SEEKS_MS)["seeks_ms"]
    except PlayFailed as failure:
        errors.append(f"seeks of mpv: {failure}")
    return found


def offsets(rig, options, path, renderer, errors):
    """A/V offsets of both players, seen from outside. Empty for files without flash and beep."""
    facts = probe(path)
    found = {"file": os.path.basename(path), "renderer": renderer}
    for name, play in (("stage", nearside), ("mpv", mpv)):
        said = f"{os.path.basename(path)}, {renderer}, {name}, A/V offset"
        print(said, file=sys.stderr, flush=True)
        try:
            with Witness(rig) as witness:
                play(rig, options, path, facts, renderer)
            found[name] = witness.offsets_ms()
        except PlayFailed as failure:
            errors.append(f"{said}: {failure}")
    return found


def idle(rig, options, errors):
    """CPU and memory of agent and panel while nothing happens, and when the panel is visible."""
    print("agent and panel at rest", file=sys.stderr, flush=True)
    program = os.path.join(options.programs, "nearside")
    quiet = {"env": rig.env, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
             "stderr": subprocess.DEVNULL}  # fmt: skip
    found = {}
    try:
        subprocess.Popen([program, "agent"], **quiet)
        until = time.monotonic() + 15
        while subprocess.run([program, "status", "--json"], timeout=15, **quiet).returncode:
            if time.monotonic() > until:
                raise PlayFailed("the agent did not answer `nearside status --json`")
            time.sleep(0.05)
        found["agent"] = at_rest(options.idle_seconds).get("agent")

        if rig.framebuffer.painted():
            raise PlayFailed("the display is not empty before the panel starts")
        asked = time.monotonic()
        subprocess.Popen([program, "panel"], **quiet)
        while not rig.framebuffer.painted():
            if time.monotonic() > asked + 20:
                raise PlayFailed("the panel did not appear")
            time.sleep(0.002)
        found["panel_visible_ms"] = (time.monotonic() - asked) * 1000
        time.sleep(2)
        rest = at_rest(options.idle_seconds)
        found["panel"], found["agent_with_panel"] = rest.get("panel"), rest.get("agent")
    except (PlayFailed, OSError, subprocess.TimeoutExpired) as failure:
        errors.append(f"agent and panel at rest: {failure}")
    finally:
        rig.end_guests()
    return found


def at_rest(seconds):
    """{role: {"cpu_percent", "rss_bytes"}} of our programs over the next `seconds`."""
    before = descendants(os.getpid())
    began = time.monotonic()
    time.sleep(seconds)
    after = descendants(os.getpid())
    took = time.monotonic() - began
    return {
        command_role(pid): {
            "cpu_percent": 100 * (cpu - before.get(pid, ("", 0.0))[1]) / took,
            "rss_bytes": memory_bytes(pid, "VmRSS"),
        }
        for pid, (_, cpu) in after.items()
    }


def main():
    options = arguments()
    options.programs = os.path.abspath(options.programs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    errors, found = [], {"machine": machine(), "window": options.window, "rounds": options.rounds}
    with Rig() as rig:
        renderers = options.renderers.split(",")
        found["compared"] = [
            compare(rig, options, os.path.abspath(path), renderer, errors)
            for path in options.files for renderer in renderers
        ]  # fmt: skip
        found["seeks"] = [seeks(rig, options, os.path.abspath(path), renderers[0], errors)
                          for path in options.files]  # fmt: skip
        found["offsets"] = [offsets(rig, options, os.path.abspath(path), renderers[0], errors)
                            for path in options.files]  # fmt: skip
        found["idle"] = idle(rig, options, errors)
    found["errors"] = errors

    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)
    table = markdown(found)
    print(table)
    if options.readme and not errors:
        put_between_markers(options.readme, table)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

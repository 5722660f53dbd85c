"""The two players, each behind one function that plays a file once and says what it cost."""

import json
import os
import select
import socket
import subprocess
import time

from rig import Sampler


class PlayFailed(Exception):
    """A run that gave no result; the text says why."""


def probe(path):
    """Duration in seconds and number of pictures of a file."""
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets", "-of", "json",
         "-show_entries", "stream=nb_read_packets,codec_name,width,height:format=duration", path],
        capture_output=True, text=True, check=True).stdout  # fmt: skip
    facts = json.loads(out)
    stream = facts["streams"][0]
    return {
        "duration_s": float(facts["format"]["duration"]),
        "pictures": int(stream["nb_read_packets"]),
        "what": f'{stream["codec_name"]} {stream["width"]}x{stream["height"]}',
    }


def cost(rig, command, env, work):
    """Starts `command`, calls `work(process, started)`, waits, and adds up what it cost."""
    before = rig.servers()
    log = open(os.path.join(rig.folder, "player.log"), "w+")
    started = time.monotonic()
    try:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)  # fmt: skip
        with Sampler(process.pid) as sampler:
            result = work(process, started)
    except PlayFailed as failure:
        log.seek(max(0, log.tell() - 2000))
        raise PlayFailed(f"{failure}\n{log.read()}".strip()) from None
    except OSError as error:
        raise PlayFailed(f"{command[0]} does not start: {error.strerror}") from None
    finally:
        log.close()
        rig.end_guests()
    after = rig.servers()
    result["processes"] = sampler.by_role()
    result["display_cpu_seconds"] = after["display"] - before["display"]
    return result


def wait(process, timeout_s):
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        raise PlayFailed(f"still running after {timeout_s:.0f} s") from None
    if code:
        raise PlayFailed(f"ended with code {code}")


def nearside(rig, options, path, facts, renderer, actions=None, seconds=None):
    """Plays `path` by `nearside demo`. The report's own fields are under "report"."""
    report = os.path.join(rig.folder, "report.json")
    if os.path.exists(report):
        os.remove(report)
    seconds = seconds or facts["duration_s"] + 1.5
    command = [os.path.join(options.programs, "nearside"), "demo", "--media", path,
               "--seconds", f"{seconds:.1f}", "--window", options.window,
               "--renderer", renderer, "--report", report,
               "--software-decoding", "--no-panel"]  # fmt: skip
    if actions:
        list_path = os.path.join(rig.folder, "actions.json")
        with open(list_path, "w") as file:
            json.dump(actions, file)
        command += ["--actions", list_path]

    def work(process, _started):
        wait(process, seconds + 60)
        try:
            with open(report) as file:
                return {"report": json.load(file)}
        except (OSError, ValueError) as error:
            raise PlayFailed(f"no report: {error}") from None

    result = cost(rig, command, rig.env, work)
    video = result["report"].get("video") or {}
    result["presented"] = video.get("frames_presented", 0)
    result["dropped"] = video.get("frames_dropped", 0)
    stage = result["processes"].get("stage", {})
    result["player_cpu_seconds"] = stage.get("cpu_seconds")
    result["player_rss_peak_bytes"] = stage.get("rss_peak_bytes")
    return result


class MpvIpc:
    """mpv's JSON IPC: requests and events, one JSON value a line."""

    def __init__(self, path, process):
        until = time.monotonic() + 20
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise PlayFailed("mpv did not open its socket") from None
                time.sleep(0.005)
        self.pending, self.events, self.next_id = b"", [], 1

    def line(self, until):
        while b"\n" not in self.pending:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise PlayFailed("mpv did not answer in time")
            data = self.socket.recv(65536)
            if not data:
                raise PlayFailed("mpv ended")
            self.pending += data
        text, self.pending = self.pending.split(b"\n", 1)
        return json.loads(text)

    def call(self, *command):
        number, self.next_id = self.next_id, self.next_id + 1
        self.socket.sendall(json.dumps({"command": command, "request_id": number}).encode() + b"\n")
        until = time.monotonic() + 10
        while True:
            value = self.line(until)
            if value.get("request_id") == number and "event" not in value:
                return value.get("data")
            self.events.append(value)

    def wait_event(self, wanted, timeout_s):
        """Returns when `wanted(event)` is true for an event, old ones first."""
        until = time.monotonic() + timeout_s
        while True:
            value = self.events.pop(0) if self.events else self.line(until)
            if wanted(value):
                return


def vulkan_device(rig):
    """mpv takes a software device only when it is named; so the first one is."""
    listed = subprocess.run(["mpv", "--vulkan-device=help"], env=rig.env, capture_output=True,
                            text=True).stdout  # fmt: skip
    names = [line.split("'")[1] for line in listed.splitlines() if line.count("'") >= 2]
    return [f"--vulkan-device={names[0]}"] if names else []


def mpv(rig, options, path, facts, renderer, seeks_ms=()):
    """Plays `path` by mpv, software decoding, same window, same renderer, same sound server."""
    ipc_path = os.path.join(rig.folder, "mpv.sock")
    api = {"vulkan": ["--gpu-api=vulkan", "--gpu-context=x11vk", *vulkan_device(rig)],
           "gl": ["--gpu-api=opengl", "--gpu-context=x11egl", "--gpu-sw"]}[renderer]  # fmt: skip
    command = ["mpv", "--no-config", "--vo=gpu", *api, "--hwdec=no", "--ao=pulse", "--no-border",
               f"--geometry={options.window}+0+0", "--osd-level=0", "--no-osc", "--no-terminal",
               "--load-scripts=no", "--ytdl=no", "--keep-open=yes", "--input-default-bindings=no",
               f"--input-ipc-server={ipc_path}", path]  # fmt: skip

    def work(process, started):
        ipc = MpvIpc(ipc_path, process)
        ipc.call("observe_property", 1, "eof-reached")
        ipc.wait_event(lambda e: e.get("event") == "playback-restart", 30)
        result = {"started_ms": (time.monotonic() - started) * 1000, "seeks_ms": []}
        for to_ms in seeks_ms:
            time.sleep(1.0)  # plays for a while between two seeks, as the stage does
            ipc.events.clear()
            asked = time.monotonic()
            ipc.call("seek", to_ms / 1000, "absolute+exact")
            ipc.wait_event(lambda e: e.get("event") == "playback-restart", 20)
            result["seeks_ms"].append((time.monotonic() - asked) * 1000)
        if not seeks_ms:
            ipc.wait_event(lambda e: e.get("name") == "eof-reached" and e.get("data") is True,
                           facts["duration_s"] + 60)  # fmt: skip
        result["dropped"] = (ipc.call("get_property", "frame-drop-count") or 0) + (
            ipc.call("get_property", "decoder-frame-drop-count") or 0)
        result["late"] = ipc.call("get_property", "vo-delayed-frame-count") or 0
        result["size"] = [ipc.call("get_property", f"osd-{side}") for side in ("width", "height")]
        result["renderer"] = ipc.call("get_property", "current-vo")
        ipc.call("quit")
        wait(process, 20)
        return result

    result = cost(rig, command, rig.env, work)
    result["presented"] = facts["pictures"] - result["dropped"]
    own = result["processes"].get("mpv", {})
    result["player_cpu_seconds"] = own.get("cpu_seconds")
    result["player_rss_peak_bytes"] = own.get("rss_peak_bytes")
    return result

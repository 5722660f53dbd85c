"""A display and a sound server of one's own, and what processes cost on them.

Everything started here ends with the `with` block, also on an error or Ctrl-C. Processes that
leave their parent stay ours: this process adopts them (PR_SET_CHILD_SUBREAPER).
"""

import ctypes
import mmap
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

TICKS_HZ = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes():
    """{pid: (parent pid, name, CPU seconds)} of this moment."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                text = file.read()
        except OSError:
            continue  # ended meanwhile
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        cpu = (int(fields[11]) + int(fields[12])) / TICKS_HZ
        found[int(entry)] = (int(fields[1]), name, cpu)
    return found


def descendants(root):
    """{pid: (name, CPU seconds)} of everything below `root`, without itself."""
    every = processes()
    family, grew = {root}, True
    while grew:
        more = {pid for pid, (parent, _, _) in every.items() if parent in family} - family
        family |= more
        grew = bool(more)
    return {pid: every[pid][1:] for pid in family - {root} if pid in every}


def memory_bytes(pid, field):
    """`field` of /proc/PID/status (VmRSS, VmHWM) in bytes; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def command_role(pid):
    """`stage`, `panel`, `agent`, `demo` for our programs, else the program's name.

    Empty when the process has ended.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return ""
    name = os.path.basename(words[0]).decode(errors="replace")
    if name.startswith("nearside-"):
        return name.removeprefix("nearside-")
    if name == "nearside":
        return words[1].decode(errors="replace") if len(words) > 1 and words[1] else "nearside"
    return name


def kill_descendants(spare=()):
    """Ends everything below this process but `spare`, gently, then not."""
    for sign, patience_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        until = time.monotonic() + patience_s
        victims = set(descendants(os.getpid())) - set(spare)
        for pid in victims:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass
        while victims and time.monotonic() < until:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                pass
            victims &= set(descendants(os.getpid()))
            time.sleep(0.02)


class Sampler:
    """Follows everything below a process: CPU seconds and peak memory by role.

    Reads /proc every `period_s` from a thread of its own; what a process burns between the last
    reading and its end is missed. Roles are read once a process has run its own program.
    """

    def __init__(self, root, period_s=0.25):
        self.root, self.period_s = root, period_s
        self.cost = {}  # pid -> [role, CPU seconds, peak bytes]
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, name="sampler")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def run(self):
        while not self.stopped.wait(self.period_s):
            self.read()

    def read(self):
        family = descendants(self.root)
        own = processes().get(self.root)
        if own:
            family[self.root] = own[1:]
        for pid, (_, cpu) in family.items():
            entry = self.cost.setdefault(pid, ["", 0.0, 0])
            entry[0] = command_role(pid) or entry[0]
            entry[1] = max(entry[1], cpu)
            entry[2] = max(entry[2], memory_bytes(pid, "VmHWM"))

    def by_role(self):
        """{role: {"cpu_seconds", "rss_peak_bytes"}}, processes of one role added up."""
        roles = {}
        for role, cpu, peak in self.cost.values():
            entry = roles.setdefault(role or "?", {"cpu_seconds": 0.0, "rss_peak_bytes": 0})
            entry["cpu_seconds"] += cpu
            entry["rss_peak_bytes"] += peak
        return roles


class Rig:
    """Xvfb on a free display number and PulseAudio with a null sink, in a private folder."""

    def __init__(self, screen="1920x1080x24"):
        self.screen = screen

    def __enter__(self):
        adopt_orphans()
        self.folder = tempfile.mkdtemp(prefix="nearside-bench-")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        kill_descendants()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        runtime = os.path.join(self.folder, "run")
        os.mkdir(runtime, 0o700)
        self.env = {
            key: value
            for key, value in os.environ.items()
            if key not in ("WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER")
        }
        self.env |= {"HOME": self.folder, "XDG_RUNTIME_DIR": runtime}
        for name in ("CONFIG", "CACHE", "DATA", "STATE"):
            self.env[f"XDG_{name}_HOME"] = os.path.join(self.folder, name.lower())

        reader, writer = os.pipe()
        self.xvfb = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", self.screen,
             "-nolisten", "tcp", "-noreset", "-fbdir", self.folder],
            pass_fds=[writer], env=self.env, stderr=subprocess.DEVNULL)  # fmt: skip
        os.close(writer)
        with os.fdopen(reader) as answer:
            number = answer.readline().strip()
        if not number:
            raise RuntimeError("Xvfb did not start")
        self.env["DISPLAY"] = f":{number}"
        self.framebuffer = Framebuffer(os.path.join(self.folder, "Xvfb_screen0"))

        self.pulse = subprocess.Popen(
            ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n",
             "-L", "module-native-protocol-unix auth-anonymous=1",
             "-L", "module-null-sink sink_name=vspeaker rate=48000 channels=2"],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        until = time.monotonic() + 10
        while subprocess.run(["pactl", "set-default-sink", "vspeaker"], env=self.env,
                             capture_output=True).returncode:  # fmt: skip
            if time.monotonic() > until:
                raise RuntimeError("PulseAudio did not start")
            time.sleep(0.05)

    def servers(self):
        """CPU seconds that the display and the sound server have used so far."""
        every = processes()
        return {"display": every[self.xvfb.pid][2], "sound": every[self.pulse.pid][2]}

    def end_guests(self):
        kill_descendants(spare=(self.xvfb.pid, self.pulse.pid))


class Framebuffer:
    """The display's pixels, shared with Xvfb: the XWD format, 4 bytes a pixel."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = struct.unpack(">25I", self.memory[:100])
        self.start = header[0] + header[19] * 12
        self.width, self.height, self.stride = header[4], header[5], header[12]

    def row(self, y):
        at = self.start + y * self.stride
        return self.memory[at : at + self.width * 4]

    def painted(self):
        """True when anything but the empty display's black shows on one of some rows."""
        return any(any(self.row(y)) for y in range(4, self.height, 16))

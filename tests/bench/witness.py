"""When flash and beep really come out: the display's pixels and the sound server's monitor.

Knows nothing of the player, so it serves both. Good to about 5 ms: the null sink hands its
sound on in blocks of that length.
"""

import array
import os
import subprocess
import threading
import time

RATE_HZ = 48000
LOUD = 1000  # of 32767; the beep's peak is 16384
QUIET_S = 0.3  # a beep starts after this much quiet
LOOK_S = 0.002
RISE = 0.12  # of the screen turns white in a flash


class Witness:
    """Watches while the `with` block runs; `offsets_ms()` afterwards."""

    def __init__(self, rig):
        self.rig = rig
        self.flashes, self.beeps = [], []  # monotonic seconds
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.look), threading.Thread(target=self.listen)]

    def __enter__(self):
        self.parec = subprocess.Popen(
            ["parec", "--device=vspeaker.monitor", f"--rate={RATE_HZ}", "--channels=1",
             "--format=s16le", "--raw", "--latency-msec=5"],
            env=self.rig.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.parec.terminate()
        for thread in self.threads:
            thread.join()
        self.parec.stdout.close()
        self.parec.wait()

    def white_share(self):
        frame = self.rig.framebuffer
        rows = range(0, frame.height, 40)
        return sum(frame.row(y).count(0xFF) for y in rows) / (len(rows) * frame.width * 4)

    def look(self):
        """A flash is a rise within a few looks; static white (a window) is none."""
        past = [self.white_share()] * 20
        while not self.stopped.wait(LOOK_S):
            share, now = self.white_share(), time.monotonic()
            if share - min(past) > RISE and (not self.flashes or now - self.flashes[-1] > 0.5):
                self.flashes.append(now)
            past = past[1:] + [share]

    def listen(self):
        last_loud = -QUIET_S
        while data := os.read(self.parec.stdout.fileno(), 4096):
            now = time.monotonic()
            samples = array.array("h", data[: len(data) // 2 * 2])
            if max(samples) < LOUD and min(samples) > -LOUD:
                continue
            loud = [at for at, level in enumerate(samples) if abs(level) > LOUD]
            started = now - (len(samples) - loud[0]) / RATE_HZ
            if started - last_loud > QUIET_S:
                self.beeps.append(started)
            last_loud = now

    def offsets_ms(self):
        """Audio minus video position for each flash that has a beep; positive: sound leads."""
        found = []
        for flash in self.flashes:
            nearest = min(self.beeps, key=lambda beep: abs(beep - flash), default=None)
            if nearest is not None and abs(nearest - flash) < 0.5:
                found.append((flash - nearest) * 1000)
        return found

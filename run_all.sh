#!/usr/bin/env bash
# Runs the whole report; `./run_all.sh test` runs every check; `--help` lists the options.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONSAFEPATH=1 # a helpers/ or random.py in the caller's folder is not imported

say() { printf '%s\n' "$*" >&2; }

python=""
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python="$candidate"
    break
  fi
done
if [ -z "$python" ]; then
  say "./run_all.sh needs Python 3.11 or newer and found none. Install it from python.org or with" \
      "your system's packages, or name it: PYTHON=/opt/bin/python3.12 ./run_all.sh"
  exit 1
fi

# Mistakes are reported before anything is installed.
status=0
"$python" -m helpers.report.options "$@" || status=$?
if [ "$status" = 3 ]; then exit 0; fi # --help
if [ "$status" != 0 ]; then exit "$status"; fi

venv_python() { # on Windows it is in another folder
  if [ -x "$root/.venv/Scripts/python.exe" ]; then echo "$root/.venv/Scripts/python.exe"
  else echo "$root/.venv/bin/python"; fi
}

runs() { "$1" -c '' 2>/dev/null; }

install() {
  local log="$root/build/logs/install.log" clear=""
  if [ -L "$root/.venv" ] && [ ! -e "$root/.venv" ]; then
    say ".venv is a link to a folder that is gone: remove the link and run this again."
    exit 1
  fi
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    say "$python has no venv module: install it (Debian and Ubuntu: apt install python3-venv), or" \
        "activate an environment that has the packages of requirements.txt."
    exit 1
  fi
  mkdir -p "$root/build/logs"
  exec 9> "$root/build/.installing"
  # The system releases this lock when this process ends. Windows has no fcntl, and no lock.
  if ! "$python" -c 'try: from fcntl import flock
except ImportError: pass
else: flock(9, 6)' 2>/dev/null; then
    say "Another run is installing the packages. Wait until it has finished, then try again."
    exit 1
  fi
  say "Installing the pinned packages into .venv (once; a few minutes; log: build/logs/install.log)"
  if [ -e "$root/.venv" ] && ! runs "$(venv_python)"; then clear=--clear; fi
  if ! { "$python" -m venv $clear "$root/.venv" &&
         "$(venv_python)" -m pip install --disable-pip-version-check -r "$root/requirements.txt" &&
         "$(venv_python)" -m pip install --disable-pip-version-check --no-deps \
           --no-build-isolation -e "$root"; } > "$log" 2>&1; then
    say "$(grep -E '^ERROR|No space left|Errno' "$log" | tail -n 1 || true)"
    say "The pinned packages could not be installed. Check the network and the room on the disk." \
        "The log is build/logs/install.log"
    exit 1
  fi
  cp "$root/requirements.txt" "$root/.venv/installed.txt"
  exec 9>&-
}

if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && "$python" -m helpers.report.options --fits; then
  : # the active environment has every pin
else
  if ! cmp -s "$root/requirements.txt" "$root/.venv/installed.txt" || ! runs "$(venv_python)"; then
    install
  fi
  python="$(venv_python)"
fi
exec "$python" -m helpers.report.pipeline "$@"

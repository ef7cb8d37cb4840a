#!/usr/bin/env bash
# The whole report, headless; `./run_all.sh test` runs every check; `--help` tells the rest.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

say() { printf '%s\n' "$*" >&2; }

python=""
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python="$candidate"
    break
  fi
done
if [ -z "$python" ]; then
  say "./run_all.sh needs Python 3.11 or newer and found none: install one from python.org or your" \
      "system's packages, or name it, as in PYTHON=/opt/bin/python3.12 ./run_all.sh"
  exit 1
fi

# Mistakes are told before anything is installed.
"$python" -m helpers.report.options "$@"
case " $* " in *" --help "* | *" -h "*) exit 0 ;; esac

venv_python() { # Windows keeps it elsewhere
  if [ -x "$root/.venv/Scripts/python.exe" ]; then echo "$root/.venv/Scripts/python.exe"
  else echo "$root/.venv/bin/python"; fi
}

install() {
  local log="$root/build/logs/install.log" lock="$root/build/.installing"
  mkdir -p "$root/build/logs"
  if ! mkdir "$lock" 2>/dev/null; then
    if kill -0 "$(cat "$lock/pid" 2>/dev/null || echo none)" 2>/dev/null; then
      say "Another run is installing the packages at this moment: wait for it, then try again."
      exit 1
    fi # left behind by a run that was killed
  fi
  echo $$ > "$lock/pid"
  trap 'rm -rf "$lock"' EXIT
  say "Installing the pinned packages into .venv (once; a few minutes; log: build/logs/install.log)"
  if ! { "$python" -m venv "$root/.venv" &&
         "$(venv_python)" -m pip install --disable-pip-version-check -r "$root/requirements.txt" &&
         "$(venv_python)" -m pip install --disable-pip-version-check --no-deps \
           --no-build-isolation -e "$root"; } > "$log" 2>&1; then
    say "$(grep -E '^ERROR|No space left|Errno' "$log" | tail -n 1 || true)"
    say "The pinned packages could not be installed (is there a network, and room on the disk?):" \
        "the log is build/logs/install.log"
    exit 1
  fi
  cp "$root/requirements.txt" "$root/.venv/installed.txt"
  rm -rf "$lock"
  trap - EXIT
}

if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && "$python" -m helpers.report.options --fits; then
  : # the active environment has every pin
else
  cmp -s "$root/requirements.txt" "$root/.venv/installed.txt" || install
  python="$(venv_python)"
fi
exec "$python" -m helpers.report.pipeline "$@"

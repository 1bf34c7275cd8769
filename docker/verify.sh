#!/usr/bin/env bash
# Runs the course against the real systems of compose.yaml: builds and starts the cluster, waits until everything is
# healthy, executes the lessons and the solutions with it, asks each system whether it was used, and takes it all down.
#
#   docker/verify.sh [--dry-run] [--keep] [UNIT…]     UNIT like 02; all of them without one
#
# --dry-run prints the commands and executes none; --keep leaves the cluster running. Ends with 0 when all passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

PROJECT=(docker compose --profile cluster)
LAB=("${PROJECT[@]}" exec -T lab-cluster)
WAIT_SECONDS=900
DRY=no
KEEP=no
UNITS=()
ROWS=()
FAILED=0

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]##*/}"; }

while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) DRY=yes ;;
    --keep) KEEP=yes ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "docker/verify.sh: $1?" >&2; usage >&2; exit 2 ;;
    *) UNITS+=("$1") ;;
  esac
  shift
done
if [ ${#UNITS[@]} -eq 0 ]; then
  for lesson in ../lessons/[0-9]*.py; do
    name=${lesson##*/}
    UNITS+=("${name%%_*}")
  done
fi

# What the containers write in the clone belongs to whoever runs this.
MLPROD_UID=$(id -u)
MLPROD_GID=$(id -g)
export MLPROD_UID MLPROD_GID

# step NAME COMMAND…: one row of the table. A step that fails does not hold back the others.
step() {
  local name=$1 began status=passed
  shift
  printf '\n== %s:' "$name"
  printf ' %q' "$@"
  printf '\n'
  began=$SECONDS
  if [ "$DRY" = yes ]; then
    status="not run"
  elif ! "$@"; then
    status=FAILED
    FAILED=$((FAILED + 1))
  fi
  ROWS+=("$(printf '%-8s %6d s  %s' "$status" $((SECONDS - began)) "$name")")
}

finish() {
  local status=$?
  trap - EXIT INT TERM
  if [ "$DRY" = no ] && [ "$FAILED" -gt 0 ]; then
    "${PROJECT[@]}" ps --all || true
    "${PROJECT[@]}" logs --tail 40 || true
  fi
  [ "$KEEP" = yes ] || step "down" "${PROJECT[@]}" down --volumes --remove-orphans
  printf '\n== summary\n'
  if [ ${#ROWS[@]} -gt 0 ]; then printf '%s\n' "${ROWS[@]}"; fi
  printf '%d failed\n' "$FAILED"
  [ "$FAILED" -eq 0 ] || status=1
  exit "$status"
}

if [ "$DRY" = no ] && ! docker compose version >/dev/null 2>&1; then
  echo "Hace falta Docker con Compose 2. / Docker with Compose 2 is needed." >&2
  exit 2
fi
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "up" "${PROJECT[@]}" up --build --detach --wait --wait-timeout "$WAIT_SECONDS"
[ "$FAILED" -eq 0 ] || exit 1 # nothing else could pass
step "doctor" "${LAB[@]}" mlprod doctor
step "clients" "${LAB[@]}" python -m pytest -q -p no:cacheprovider -m "kafka or postgres or rabbitmq"
for unit in "${UNITS[@]}"; do
  step "unit $unit" "${LAB[@]}" mlprod run "$unit" --timeout 1200
  case $unit in
    02) step "schemas registered" "${LAB[@]}" python docker/look.py registry ;;
    03) step "spark worked" "${LAB[@]}" python docker/look.py spark ;;
    04) step "service scraped" "${LAB[@]}" python docker/look.py service ;;
    08) step "company scraped" "${LAB[@]}" python docker/look.py company ;;
  esac
done
step "dashboards served" "${LAB[@]}" python docker/look.py grafana

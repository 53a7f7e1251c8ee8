#!/bin/sh
# start-again.sh COMMAND ARGUMENT...
# Runs a systemd-nspawn, and again as long as it ends with 133: its machine has asked for a reboot. Any other end,
# also one by a signal, is the end of the machine.
code=133
while [ "$code" -eq 133 ]; do
  "$@" && code=0 || code=$?
done
exit "$code"

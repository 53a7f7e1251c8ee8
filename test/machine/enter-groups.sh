#!/bin/sh
# enter-groups.sh CGROUP_FOLDER... -- PROGRAM ARGUMENT...
# Joins the groups, then becomes the program.
set -eu
while [ "$1" != -- ]; do
  echo $$ >"$1/cgroup.procs"
  shift
done
shift
exec "$@"

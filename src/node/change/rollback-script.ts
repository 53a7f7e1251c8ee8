import { temporaryPathOf } from '../host/replace-file.ts';
import type { PendingChange } from './record.ts';

/** Where the script finds things; all are paths of the host. */
export interface RollbackPlaces {
  /** The file as it was before. */
  readonly original: string;
  /** Made before anything is put back, so that whoever comes later knows. */
  readonly marker: string;
  /** Units and links that the script removes at its end, and itself. */
  readonly remove: readonly string[];
  /** The timer's unit, stopped at the end, and started again when nothing could be put back. */
  readonly timer: string;
}

/** What the script takes for the sum of a file that is not there; never empty, as the sum of an unreadable file is. */
const ABSENT = 'absent';

/**
 * The script that the dead man's timer runs: POSIX shell and coreutils, as any host with systemd has them. It puts the
 * file back only if its bytes are still the ones that we wrote, so that a later edit of somebody else is never lost.
 * Where it cannot, as on a full disk, it lets the timer count again.
 *
 * Only single files are flushed: a `sync` of everything waits for every volume, also for one whose server is gone.
 */
export function rollbackScript(change: PendingChange, { original, marker, remove, timer }: RollbackPlaces): string {
  const { before, after } = change;
  const restore = before === null ? 'rm -f "$file"' : RESTORE;
  return `#!/bin/sh
# Written by gvisor-injector before it changed ${printableComment(change.path)}, and run by a timer of systemd unless the
# change has proved itself. Puts the former file back, restarts ${change.unit}, and removes timer and script.
# It is one group of commands, as the shell must have read all of it before it removes its own file.
{
  set -u
  file=${quote(change.path)}
  copy=${quote(temporaryPathOf(change.path))}
  original=${quote(original)}
  marker=${quote(marker)}
  unit=${quote(change.unit)}
  written=${quote(after?.sha256 ?? ABSENT)}
  again() {
    systemctl restart --no-block ${timer}
    exit 1
  }
  sum=${ABSENT}
  if [ -e "$file" ]; then sum=$(sha256sum <"$file" | cut -c 1-64); fi
  if [ -z "$sum" ]; then again; fi
  if [ "$sum" = "$written" ]; then
    touch "$marker"
    sync "$marker"
    { ${restore}; } || again
    sync "\${file%/*}"
    if command -v restorecon >/dev/null 2>&1 && [ -e "$file" ]; then restorecon "$file"; fi
    systemctl reset-failed "$unit"
    systemctl restart --no-block "$unit"
  fi
  systemctl stop --no-block ${timer}
  rm -f ${remove.map(quote).join(' ')}
  systemctl daemon-reload
  exit 0
}
`;
}

/** The copy is on the disk before it gets the file's name, so that no power loss leaves an empty file. */
const RESTORE = 'cp -p "$original" "$copy" && { sync "$copy"; mv -f "$copy" "$file"; }';

/** A word of the shell, whatever is in it. */
function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** A path inside a comment: a line break in it would end the comment. */
function printableComment(text: string): string {
  return JSON.stringify(text);
}

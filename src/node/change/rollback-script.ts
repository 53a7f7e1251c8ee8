import type { PendingChange } from './record.ts';

/** Where the script finds things; all are paths of the host. */
export interface RollbackPlaces {
  /** The file as it was before. */
  readonly original: string;
  /** Made before anything is put back, so that whoever comes later knows. */
  readonly marker: string;
  /** Units and links that the script removes at its end, and itself. */
  readonly remove: readonly string[];
  /** The timer's unit, stopped at the end. */
  readonly timer: string;
}

/**
 * The script that the dead man's timer runs: POSIX shell and coreutils, as any host with systemd has them. It puts the
 * file back only if its bytes are still the ones that we wrote, so that a later edit of somebody else is never lost.
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
  original=${quote(original)}
  marker=${quote(marker)}
  unit=${quote(change.unit)}
  written=${quote(after?.sha256 ?? '')}
  sum=
  if [ -e "$file" ]; then sum=$(sha256sum <"$file" | cut -c 1-64); fi
  if [ "$sum" = "$written" ]; then
    : >"$marker"
    sync
    ${restore}
    sync
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

const RESTORE = 'cp -p "$original" "$file.gvisor-injector-rollback" && mv -f "$file.gvisor-injector-rollback" "$file"';

/** A word of the shell, whatever is in it. */
function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** A path inside a comment: a line break in it would end the comment. */
function printableComment(text: string): string {
  return JSON.stringify(text);
}

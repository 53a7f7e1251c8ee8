import pino from 'pino';
import { printable } from '../policy/printable.ts';
import { DECISION_MESSAGE, type DecisionFields } from './decision-record.ts';
import { LOG_MESSAGES, type LogMessage } from './log-messages.ts';

/** Every field that a line other than a decision may have. */
export interface LogFields {
  /** Address and port of a listener, as `host:port`. */
  readonly address?: string;
  readonly metricsAddress?: string;
  /** Refusal code of the README's table. */
  readonly code?: string;
  /** A sentence that our own code made of our own files. */
  readonly detail?: string;
  /** Field of a request, as our own constant. */
  readonly field?: string;
  /** Lines of the same kind that were left out before this one. */
  readonly suppressed?: number;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly file?: string;
  /** End of a certificate's life, RFC 3339. */
  readonly expires?: string;
  readonly fingerprint?: string;
  readonly drainSeconds?: number;
  readonly policyDigest?: string;
  readonly profiles?: readonly string[];
  readonly version?: string;
  /** A step of the node agent, such as `install`, and what it came to. */
  readonly step?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly handler?: string;
  readonly seconds?: number;
  /** Status of the node's condition: True, False or Unknown. */
  readonly condition?: string;
  /** Stack of our own fault. */
  readonly stack?: string;
}

/** Longest text of a field; a detail quotes what a caller sent. */
const FIELD_LENGTH = 1000;

/** Writes log lines: one JSON object a line. */
export interface Log {
  /** The line of a decision. */
  readonly decision: (record: DecisionFields) => void;
  readonly info: (message: LogMessage, fields: LogFields) => void;
  /** Something that a person should look at: our own fault, or a certificate that cannot be used. */
  readonly error: (message: LogMessage, fields: LogFields) => void;
}

/** Where lines go; each call gets one whole line with its newline. */
export interface LogDestination {
  readonly write: (line: string) => void;
}

/** A pipe that is full is tried again every 100 ms; whoever reads it has this many tries, two seconds, to go on. */
const FULL_PIPE_TRIES = 20;

/**
 * A destination that writes to a file descriptor at once: no line is lost at a crash, and it costs no more than an
 * asynchronous one.
 *
 * @param onError called when a line cannot be written: EPIPE after the reader went away, EAGAIN when it reads no more
 */
export function descriptorDestination(descriptor: number, onError: (error: Error) => void): LogDestination {
  let tries = 0;
  const destination = pino.destination({ fd: descriptor, sync: true, retryEAGAIN: () => ++tries <= FULL_PIPE_TRIES });
  destination.on('error', onError);
  return {
    write: line => {
      // After a failure each further line has one try only: a process that must stop is not held up.
      if (tries <= FULL_PIPE_TRIES) tries = 0;
      destination.write(line);
    },
  };
}

/**
 * The log of a program.
 *
 * @param destination where lines go, in `serve` a synchronous pino destination on stdout: it costs no more than an
 * asynchronous one and loses no line at a crash
 */
export function createLog(destination: LogDestination): Log {
  const logger = pino(
    {
      base: null,
      messageKey: 'message',
      timestamp: createTimestamp(),
      formatters: { level: label => ({ level: label }) },
    },
    destination,
  );
  return {
    decision: record => logger.info(record, DECISION_MESSAGE),
    info: (message, fields) => logger.info(printableFields(fields), LOG_MESSAGES[message]),
    error: (message, fields) => logger.error(printableFields(fields), LOG_MESSAGES[message]),
  };
}

/** The time as pino wants it, a member of the line; written anew only when the millisecond has changed. */
function createTimestamp(): () => string {
  let milliseconds = Number.NaN;
  let member = '';
  return () => {
    const now = Date.now();
    if (now !== milliseconds) {
      milliseconds = now;
      member = `,"time":"${new Date(now).toISOString()}"`;
    }
    return member;
  };
}

/** JSON escapes what would end a line, but not every character that a terminal acts on. */
function printableFields(fields: LogFields): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]: [string, unknown]) => [
      key,
      typeof value === 'string' ? printableLines(key, value) : value,
    ]),
  );
}

/** A stack keeps its lines: each frame is one. */
function printableLines(key: string, value: string): string {
  if (key !== 'stack') return printable(value, FIELD_LENGTH);
  return value
    .split('\n')
    .map(line => printable(line, FIELD_LENGTH))
    .join('\n');
}

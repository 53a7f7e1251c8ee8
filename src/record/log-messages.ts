/** Constant phrases of the log lines that are no decisions; facts stand in the fields. */
export const LOG_MESSAGES = {
  certificateLoaded: 'serving certificate loaded',
  certificateUnusable: 'serving certificate not usable',
  draining: 'draining before the stop',
  internalError: 'internal error',
  listening: 'listening',
  requestRefused: 'admission request refused',
  stopped: 'stopped',
} as const;

/** The name of a log phrase. */
export type LogMessage = keyof typeof LOG_MESSAGES;

/** Constant phrases of the log lines that are no decisions; facts stand in the fields. */
export const LOG_MESSAGES = {
  apiReachable: 'Kubernetes API reachable again',
  apiTroubled: 'Kubernetes API not reachable',
  certificateLoaded: 'serving certificate loaded',
  certificateUnusable: 'serving certificate not usable',
  draining: 'draining before the stop',
  internalError: 'internal error',
  listening: 'listening',
  nodeDrift: 'file on the node changed',
  nodeGone: 'node object gone',
  nodeMarkFailed: 'node not marked',
  nodeMarked: 'node marked',
  nodeProved: 'proof ended',
  nodeStep: 'step on the node',
  nodeStepEnded: 'step on the node ended',
  requestRefused: 'admission request refused',
  stopped: 'stopped',
} as const;

/** The name of a log phrase. */
export type LogMessage = keyof typeof LOG_MESSAGES;

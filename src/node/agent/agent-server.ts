import { createServer, type Server } from 'node:http';
import { METRICS_TYPE } from './agent-metrics.ts';

/** What the agent tells whoever asks. */
export interface AgentAnswers {
  /** Why it is not ready; undefined when it is. */
  readonly notReadyReason: () => string | undefined;
  /** The text that Prometheus scrapes. */
  readonly scrape: () => string;
}

/** Nobody needs longer to ask for a path. */
const REQUEST_MILLISECONDS = 10_000;

/**
 * The plain HTTP server of probes and metrics, not yet listening. Its paths are those of the webhook; its framework is
 * not, which would double the process.
 */
export function createAgentServer({ notReadyReason, scrape }: AgentAnswers): Server {
  const answers: Readonly<
    Record<string, () => { readonly status: number; readonly type: string; readonly text: string }>
  > = {
    '/livez': () => ({ status: 200, type: 'text/plain', text: 'ok\n' }),
    '/readyz': () => {
      const reason = notReadyReason();
      const isReady = reason === undefined;
      return { status: isReady ? 200 : 503, type: 'text/plain', text: isReady ? 'ok\n' : `not ready: ${reason}\n` };
    },
    '/metrics': () => ({ status: 200, type: METRICS_TYPE, text: scrape() }),
  };
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const answer = request.method === 'GET' && Object.hasOwn(answers, path) ? answers[path] : undefined;
    const { status, type, text } = answer?.() ?? { status: 404, type: 'text/plain', text: 'not found\n' };
    response.writeHead(status, { 'content-type': type, connection: 'close' }).end(text);
  });
  server.requestTimeout = REQUEST_MILLISECONDS;
  server.headersTimeout = REQUEST_MILLISECONDS;
  return server;
}

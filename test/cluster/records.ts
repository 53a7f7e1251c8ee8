import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { type DecisionRecord, DecisionRecordSchema } from '../../src/record/decision-record.ts';
import { type ClusterUnderTest, webhookLogs } from './cluster-under-test.ts';
import { AUDIT_LOG_FILE } from './control-plane.ts';

/** Every decision record in the logs of the webhook's replicas. */
export async function decisionRecords(cluster: ClusterUnderTest): Promise<readonly DecisionRecord[]> {
  const lines = (await webhookLogs(cluster)).split('\n');
  return lines.flatMap(line => {
    const reading = v.safeParse(DecisionRecordSchema, parse(line.slice(Math.max(line.indexOf('{'), 0))));
    return reading.success ? [reading.output] : [];
  });
}

/** A request that created a Pod, as the API server's audit log has it. */
export interface AuditedCreate {
  readonly namespace: string;
  readonly status: number;
  readonly dryRun: boolean;
  /** How many entries of our configuration were called for it. */
  readonly calls: number;
}

/** Every request to create a Pod that the API server has answered, from its audit log. */
export async function auditedCreates(): Promise<readonly AuditedCreate[]> {
  const lines = (await readFile(AUDIT_LOG_FILE, 'utf8')).split('\n');
  return lines.flatMap(line => {
    const event = parse(line);
    const reference = at(event, 'objectRef');
    if (at(event, 'stage') !== 'ResponseComplete' || at(reference, 'subresource') !== undefined) return [];
    const annotations = at(event, 'annotations');
    const keys = isJsonObject(annotations) ? Object.keys(annotations) : [];
    return [
      {
        namespace: String(at(reference, 'namespace')),
        status: Number(at(at(event, 'responseStatus'), 'code')),
        dryRun: String(at(event, 'requestURI')).includes('dryRun='),
        calls: keys.filter(key => key.endsWith('.gvisor-injector.svc/outcome')).length,
      },
    ];
  });
}

function at(value: unknown, key: string): unknown {
  return isJsonObject(value) ? member(value, key) : undefined;
}

/** The message of a Status that the API server answered with. */
export function messageOf(body: string): string {
  return String(at(parse(body), 'message'));
}

/** Undefined for what is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

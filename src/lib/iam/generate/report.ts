/** Shows a generated policy: the document alone on standard output, and beside it what it is for. */
import type { Host } from '../../host.ts';
import { jsonText } from '../../format/json.ts';
import type { GenerateResult } from './generate.ts';

/** The document, ready for a file. */
export const drawPolicy = ({ policy }: GenerateResult): string => jsonText(policy);

/** Tell what the policy is, what was proved of it, and what has to be known of it. */
export function tellPolicy({ title, proof, remarks, findings, rights, evidence }: GenerateResult, host: Host): void {
  for (const text of remarks) host.notify({ kind: 'warning', text });
  const grave = findings.filter(({ severity }) => severity !== 'info');
  for (const [text, same] of Map.groupBy(grave, ({ severity, message }) => `${severity}: ${message}`)) {
    const lines = same.map(({ line }) => String(line));
    host.notify({
      kind: 'warning',
      text: `${text} (line ${lines.slice(0, 3).join(', ')}${lines.length > 3 ? ' …' : ''})`,
    });
  }
  const unused = (evidence?.unused ?? []).filter(({ visible }) => visible);
  for (const { action, policy } of unused.slice(0, MOST)) {
    host.notify({ kind: 'warning', text: `nothing used ${action} of ${policy}` });
  }
  if (unused.length > MOST) {
    host.notify({
      kind: 'warning',
      text: `${String(unused.length - MOST)} more rights that nothing used: --json tells them`,
    });
  }
  const told = grave.length > 0 ? '' : ', and iam validate finds nothing';
  const count = rights.length === 0 ? '' : `: ${String(rights.length)} ${rights.length === 1 ? 'right' : 'rights'}`;
  host.notify({ kind: 'step', name: 'policy', state: 'done', text: `${title}${count}` });
  host.notify({
    kind: 'step',
    name: 'proof',
    state: 'done',
    text: `what is needed is allowed (${String(proof.allowed)}), what is near to it is denied (${String(proof.denied)})${told}`,
  });
}

/** Unused rights that are told one by one. */
const MOST = 10;

/** Policies from wherever they were read, put into the layers in which AWS evaluates them. */
import { JamfMcpError } from '../errors.ts';
import type { Layers, Reason } from './evaluate.ts';
import { readDocument } from './parse.ts';
import type { Policy, PolicyType, Statement } from './policy.ts';
import { lineStarts, position, type Source } from './source.ts';
import { HOLE, pathText, shown, type ObjectNode } from './tree.ts';

/** A text with policies in it, and what they are to the request. */
export interface LayerSource {
  layer: Reason['layer'];
  source: Source;
  /** Null: told by the layer, and for the policy of a resource from its statements. */
  type?: PolicyType | null;
}

/** Layers, read, with the way back from each policy to its text. */
export interface ReadLayers {
  layers: Layers;
  /** By the policy's own object, which stays the same where a policy is rewritten for a judgement. */
  origins: ReadonlyMap<ObjectNode, Source>;
  /** The policies that were judged, by layer, in the order given. */
  policies: readonly { layer: Reason['layer']; policy: Policy; source: Source }[];
}

/** A statement, as results name it. */
export interface StatementRef {
  layer: Reason['layer'];
  effect: 'Allow' | 'Deny';
  /** What the source is called: a file, `stdin`, or a synthetic address such as `aws/ACCOUNT/iam/role/NAME/POLICY.json`. */
  file: string;
  /** From 1. */
  line: number;
  column: number;
  /** Such as `Statement[1]`. */
  path: string;
  sid: string | null;
}

const TYPES: Readonly<Record<Reason['layer'], PolicyType | null>> = {
  identity: 'identity',
  boundary: 'identity',
  session: 'identity',
  scp: 'scp',
  resource: null,
};

/**
 * Read texts into layers. A layer for which there is no text does not restrict; each text of the `scp` layer is a level
 * of the organization of its own.
 * @throws JamfMcpError INPUT_INVALID where a text has a syntax error or no policy of the kind, or where a layer that can
 *   hold one policy gets several
 */
export async function readLayers(sources: readonly LayerSource[]): Promise<ReadLayers> {
  const origins = new Map<ObjectNode, Source>();
  const policies: { layer: Reason['layer']; policy: Policy; source: Source }[] = [];
  const scps: Policy[][] = [];
  for (const { layer, source, type } of sources) {
    const found = await policiesOf(source, layer, type ?? TYPES[layer]);
    for (const policy of found) {
      origins.set(policy.node, source);
      policies.push({ layer, policy, source });
    }
    if (layer === 'scp') scps.push(found);
  }
  const of = (layer: Reason['layer']) => policies.filter((one) => one.layer === layer).map(({ policy }) => policy);
  const session = of('session');
  return {
    layers: {
      identity: of('identity'),
      resource: single(of('resource'), 'policy of the resource'),
      boundary: single(of('boundary'), 'permissions boundary'),
      session: session.length > 0 ? session : null,
      scps: scps.length > 0 ? scps : null,
    },
    origins,
    policies,
  };
}

/** The policies of one text; in a template only those of the layer's kind count. */
async function policiesOf(source: Source, layer: Reason['layer'], type: PolicyType | null): Promise<Policy[]> {
  const read = await readDocument(source, {});
  const [problem] = read.problems;
  if (problem) {
    const { line } = position(lineStarts(source.text), problem.at.range.start);
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${source.name}:${String(line)}: ${problem.message}`,
      `\`jamf-mcp iam validate ${source.name}\` tells all that is wrong with it`,
    );
  }
  const templated = read.policies.some(({ origin }) => origin.template);
  if (!templated) return (await readDocument(source, { type })).policies.slice();
  const found = read.policies.filter((policy) =>
    type === null ? ['resource', 'kms', 'trust'].includes(policy.type) : policy.type === type,
  );
  if (found.length > 0) return found;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `${source.name}: the template has no policy of the kind ${type ?? layer}`,
    'name the file that has it',
  );
}

function single(policies: readonly Policy[], what: string): Policy | null {
  const [first = null] = policies;
  if (policies.length < 2) return first;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `there can be one ${what}, and ${String(policies.length)} were named`,
    'name one file with one policy',
  );
}

/** A statement as results name it. */
export function refOf({ layer, policy, statement }: Reason, origins: ReadLayers['origins']): StatementRef {
  const source = origins.get(policy.node);
  const { line, column } = position(lineStarts(source?.text ?? ''), statement.range.start);
  return {
    layer,
    effect: statement.effect ?? 'Deny',
    file: source?.name ?? '',
    line,
    column,
    path: pathText(statement.path),
    sid: statement.sid === null ? null : shown(statement.sid.text, statement.sid.holes),
  };
}

/** Whether deployment fills in a part of a statement that a request is compared with. */
export function isOpen({ actions, resources, conditions, principals }: Statement): boolean {
  const texts = [
    ...(actions?.values ?? []),
    ...(resources?.values ?? []),
    ...(principals?.values.map(({ value }) => value) ?? []),
    ...conditions.flatMap(({ values }) => values),
  ];
  return texts.some(({ text }) => text.includes(HOLE));
}

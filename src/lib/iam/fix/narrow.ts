/** Repairs of conditions and of what is broader than it looks. */
import { arnLength, arnParts } from '../arn.ts';
import { isGlob } from '../glob.ts';
import type { Operator } from '../operators.ts';
import { addressesOf } from '../values.ts';
import { replaceScalar, scalarAt } from './edit.ts';
import { addCondition, changeOperator, conditionAt, type Repair } from './site.ts';

const spelled = ({ qualifier, ifExists }: Operator, base: string): string =>
  `${qualifier === null ? '' : `${qualifier}:`}${base}${ifExists ? 'IfExists' : ''}`;

/** Another operator, for a key whose values mean under it what they say. */
const operator =
  (
    base: (operator: Operator) => string | null,
    unless: (texts: readonly string[]) => string | null,
    guess = false,
  ): Repair =>
  (site) => {
    const condition = conditionAt(site);
    if (!condition?.operator) return null;
    const name = base(condition.operator);
    if (name === null) return null;
    const why = unless(condition.values.map(({ text }) => text));
    if (why !== null) return why;
    const to = spelled(condition.operator, name);
    return {
      edits: changeOperator(site, condition, to) ?? [null],
      what: `compare ${condition.key.text} with ${to}`,
      guess,
    };
  };

const arnValues = (texts: readonly string[]): string | null =>
  texts.every((text) => text === '*' || (arnParts(text) !== null && arnLength(text) === 6))
    ? null
    : 'a value that is no whole ARN would match nothing, or more';

const arnLike = operator(
  ({ name }) => ({ StringLike: 'ArnLike', StringNotLike: 'ArnNotLike' })[name] ?? null,
  arnValues,
);

const arnEquals = operator(
  ({ name }) => ({ StringEquals: 'ArnEquals', StringNotEquals: 'ArnNotEquals' })[name] ?? null,
  (texts) => (texts.some(isGlob) ? 'its star would become a wildcard' : arnValues(texts)),
);

const like = operator(
  ({ name }) => ({ StringEquals: 'StringLike', StringNotEquals: 'StringNotLike' })[name] ?? null,
  () => null,
  true,
);

const withoutQualifier: Repair = (site) => {
  const condition = conditionAt(site);
  if (!condition?.operator) return null;
  const to = spelled({ ...condition.operator, qualifier: null }, condition.operator.name);
  return { edits: changeOperator(site, condition, to) ?? [null], what: `compare ${condition.key.text} with ${to}` };
};

const demandKey: Repair = (site) => {
  const condition = conditionAt(site);
  return condition === null
    ? null
    : {
        edits: [addCondition(site, 'Null', condition.key.text, 'false')],
        what: `demand that the request carries ${condition.key.text}`,
      };
};

const notNull: Repair = (site) => {
  const condition = conditionAt(site);
  if (!condition?.operator) return null;
  if (condition.values.length !== 1 || condition.operator.qualifier !== null || condition.operator.ifExists) {
    return 'the condition says more than that the key exists';
  }
  return {
    edits: changeOperator(site, condition, 'Null', 'false') ?? [null],
    what: `ask with Null whether the request carries ${condition.key.text}`,
  };
};

const addressRange: Repair = ({ file, root, problem }) => {
  const node = scalarAt(root, problem.at.range);
  const range = node && addressesOf(node.text);
  if (!node || range?.version !== 4) return null;
  const bytes = [24n, 16n, 8n, 0n].map((shift) => String((range.first >> shift) & 255n));
  const text = `${bytes.join('.')}/${String(range.prefix)}`;
  return { edits: [replaceScalar(file, node, text)], what: `write ${text}` };
};

const wholeArn: Repair = ({ file, root, problem }) => {
  const node = scalarAt(root, problem.at.range);
  if (!node) return null;
  const text = `${node.text}${':*'.repeat(6 - arnLength(node.text))}`;
  return { edits: [replaceScalar(file, node, text)], what: `write ${text}, as IAM reads it` };
};

/** Repairs of this file, by rule. */
export const NARROW_REPAIRS: Readonly<Record<string, Repair>> = {
  'string-operator-on-arn-key': arnLike,
  'string-equals-on-arn-key': arnEquals,
  'wildcard-without-like': like,
  'set-operator-on-single-value': withoutQualifier,
  'for-all-values-without-guard': demandKey,
  'star-instead-of-null': notNull,
  'address-range': addressRange,
  'arn-shortened': wholeArn,
};

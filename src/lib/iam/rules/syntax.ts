/** Rules about the file itself, which the readers report. */
import type { Rule } from '../finding.ts';

/** Not JSON, or not YAML. */
export const SYNTAX: Rule = {
  id: 'syntax',
  code: 'JSON_SYNTAX_ERROR',
  kind: 'error',
  severity: 'high',
  title: 'the file is not what its format demands',
  why: 'AWS refuses the policy, or reads something else than you do.',
  fix: 'Correct the text at this place.',
};

/** The same name twice in one object. */
export const DUPLICATE_KEY: Rule = {
  id: 'duplicate-key',
  code: null,
  kind: 'error',
  severity: 'high',
  title: 'an element is given twice',
  why: 'Most JSON readers silently drop the first one, so what you read is not what is attached.',
  fix: 'Keep one of them, or give it a list of values.',
};

/** Bytes EF BB BF at the start. */
export const BYTE_ORDER_MARK: Rule = {
  id: 'byte-order-mark',
  code: null,
  kind: 'error',
  severity: 'medium',
  title: 'the file starts with a byte-order mark',
  why: 'A policy may hold characters up to U+00FF only, and AWS refuses this one.',
  fix: 'Save the file as UTF-8 without a byte-order mark.',
};

/** Nesting beyond what any policy needs. */
export const TOO_DEEP: Rule = {
  id: 'nested-too-deep',
  code: null,
  kind: 'error',
  severity: 'high',
  title: 'the file is nested deeper than any policy',
  why: 'What lies deeper was not read.',
  fix: 'Remove the nesting; a policy needs six levels, a template a few more.',
};

/** More than any policy or template may have. */
export const TOO_LARGE: Rule = {
  id: 'file-too-large',
  code: null,
  kind: 'error',
  severity: 'high',
  title: 'the file is larger than any policy or template',
  why: 'AWS takes no policy beyond 131,072 bytes and no template beyond 1 MB; the file was not read.',
  fix: 'Name the file with the policy itself.',
};

/** More than is judged. */
export const TOO_COMPLEX: Rule = {
  id: 'too-complex',
  code: null,
  kind: 'error',
  severity: 'high',
  title: 'the policy is more than any service takes',
  why: 'It was not judged to its end: AWS takes no policy of more than 131,072 characters.',
  fix: 'Split it.',
};

/** There is nothing to validate. */
export const NO_POLICY: Rule = {
  id: 'no-policy',
  code: 'MISSING_STATEMENT',
  kind: 'error',
  severity: 'high',
  title: 'no policy was found in the file',
  why: 'A policy is an object with Version and Statement; a template has them inside Resources.',
  fix: 'Name a file with a policy.',
};

/** Rules of this file. */
export const SYNTAX_RULES: readonly Rule[] = [SYNTAX, DUPLICATE_KEY, BYTE_ORDER_MARK, TOO_DEEP, TOO_LARGE, NO_POLICY];

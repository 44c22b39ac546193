/** All rules, and all checks in the order in which they run. */
import type { Rule } from '../finding.ts';
import { JOIN_RULES } from '../join-rules.ts';
import { ONLINE_RULES } from '../online/rules.ts';
import { ACCESS_RULES } from './access.ts';
import { ATTACHED_RULES, checkAttached } from './attached.ts';
import { BREADTH_RULES, checkBreadth } from './breadth.ts';
import type { Check } from './check.ts';
import { checkConditions, CONDITION_RULES } from './conditions.ts';
import { ESCALATION_RULES } from './escalation.ts';
import { checkGrammar, GRAMMAR_RULES } from './grammar.ts';
import { checkKeyPolicy, KEY_POLICY_RULES } from './key-policy.ts';
import { checkNames, NAME_RULES } from './names.ts';
import { checkPassing, PASSING_RULES } from './passing.ts';
import { checkPrincipals, PRINCIPAL_RULES } from './principals.ts';
import { checkRedundancy, REDUNDANCY_RULES } from './redundant.ts';
import { checkResources, RESOURCE_RULES } from './resources.ts';
import { checkSecrets, SECRET_RULES } from './secrets.ts';
import { checkServicePrincipals, SERVICE_PRINCIPAL_RULES } from './service-principals.ts';
import { checkSize, SIZE_RULES } from './size.ts';
import { SYNTAX_RULES } from './syntax.ts';
import { checkTrust, TRUST_RULES } from './trust.ts';
import { checkVariables, VARIABLE_RULES } from './variables.ts';

/** Checks of one policy by itself. */
export const CHECKS: readonly Check[] = [
  checkGrammar,
  checkNames,
  checkResources,
  checkAttached,
  checkConditions,
  checkVariables,
  checkRedundancy,
  checkSize,
  checkPrincipals,
  checkKeyPolicy,
  checkTrust,
  checkServicePrincipals,
  checkBreadth,
  checkPassing,
  checkSecrets,
];

/** Every rule there is; variants that differ in severity or code have the id of one of them. */
export const RULES: readonly Rule[] = [
  ...SYNTAX_RULES,
  ...GRAMMAR_RULES,
  ...NAME_RULES,
  ...RESOURCE_RULES,
  ...ATTACHED_RULES,
  ...CONDITION_RULES,
  ...VARIABLE_RULES,
  ...REDUNDANCY_RULES,
  ...SIZE_RULES,
  ...PRINCIPAL_RULES,
  ...KEY_POLICY_RULES,
  ...TRUST_RULES,
  ...SERVICE_PRINCIPAL_RULES,
  ...BREADTH_RULES,
  ...PASSING_RULES,
  ...SECRET_RULES,
  ...ESCALATION_RULES,
  ...ACCESS_RULES,
  ...JOIN_RULES,
  ...ONLINE_RULES,
];

/** A rotation schedule in the sandbox: what tests install, look at and break. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Context } from '../../src/lib/host.ts';
import { installSchedule, type ScheduleInput } from '../../src/lib/rotation/schedule/install.ts';
import { namesFor } from '../../src/lib/rotation/schedule/names.ts';
import type { PolicyDocument } from '../../src/lib/rotation/schedule/role.ts';
import { rulesFrom } from '../../src/lib/rotation/schedule/rules.ts';
import type { SandboxRole } from '../../src/lib/sandbox/iam.ts';
import { ROOT } from './cli.ts';
import { SECRET, storeOf } from './rotation.ts';
import { CHOICE } from './rotation-function.ts';
import type { TestSandbox } from './sandbox.ts';

/** The zip that the build made. */
export const ZIP: Uint8Array = readFileSync(`${ROOT}dist/lambda/rotation.zip`);

/** Names of the parts for the secret of the sandbox. */
export const NAMES = namesFor('us-east-1', SECRET);

/** What a command would hand over. */
export const scheduleInput = (context: Context, changes: Partial<ScheduleInput> = {}): ScheduleInput => ({
  store: storeOf(context),
  secret: SECRET,
  environment: 'staging',
  aws: {},
  rules: rulesFrom({ every: '90d' }),
  choice: CHOICE,
  rotator: null,
  ecs: { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service', aws: {} },
  zip: ZIP,
  dryRun: false,
  command: 'jamf-mcp rotate schedule --every 90d',
  ...changes,
});

/** Install, confirmed, and let Secrets Manager have its look at the function. */
export async function install(sandbox: TestSandbox, context: Context & { answer(yes: boolean): void }, changes = {}) {
  context.answer(true);
  const result = await installSchedule(scheduleInput(context, changes), context);
  await settle(sandbox);
  return result;
}

/** The role of the function. */
export function roleOf(sandbox: TestSandbox): SandboxRole {
  const role = sandbox.roles.find(({ name }) => name === NAMES.role);
  assert.ok(role);
  return role;
}

/** The policy of that role. */
export const policyIn = (sandbox: TestSandbox) => roleOf(sandbox).inline[NAMES.policy] as PolicyDocument;

/** The function as Lambda has it. */
export function functionOf(sandbox: TestSandbox) {
  const found = sandbox.lambda.functions.get(NAMES.function);
  assert.ok(found);
  return found;
}

/** Let functions that are under way, in threads of their own, come to their end. */
export async function settle(sandbox: TestSandbox): Promise<void> {
  sandbox.clock.advance(1);
  await until(sandbox, () => sandbox.lambda.running() === 0);
}

/** Wait until something is so, letting the sandbox's clock go on a little at a time. */
export async function until(sandbox: TestSandbox, so: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (let still = 0; still < 3; still = so() ? still + 1 : 0) {
    assert.ok(Date.now() < deadline, 'it never came to be so');
    sandbox.clock.advance(10);
    await turn();
  }
}

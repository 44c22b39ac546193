/** The cells of one column of the crash matrix: which there are, and how each is played. */
import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { RotateResult } from '../../src/lib/rotation/work.ts';
import { AWSCURRENT, AWSPENDING } from '../../src/lib/secrets/store.ts';
import type { Place } from './matrix-places.ts';
import { SEEDED_VERSION } from './rotation.ts';
import { openCell, type Cell, type Column, type Late, type Verb } from './rotation-matrix.ts';
import { FAULTS, type Fault, type Outcome, type Trap, type Wire } from './wire.ts';

/** What is done to a rotation, and how it is taken up again. */
export interface Plan {
  trap: Trap;
  verb: Verb;
}

/** A plan in words. */
export const planText = ({ trap: { call, fault, lasting }, verb }: Plan): string =>
  `${fault}${lasting ? ' and from then on' : ''}: ${call}, then ${verb}`;

const isKill = (fault: Fault) => fault.startsWith('killed');

/** Calls that change something; ids and names of secrets are left out of account. */
const CHANGING =
  /:(Put|Update)|:PATCH |\/client-credentials |\/rotate-secret |^vault:(POST|PUT|PATCH) |^local:(put|move)/;

/**
 * The plans of a column. A fault of a call that changes something comes both once and for as long as the process lives;
 * of any other call, in one of the two ways by turns. So do the two commands that go on. On another store than Secrets
 * Manager the calls to ECS are left to the column there.
 * @param calls - of a run without a fault
 */
export function plansOf(column: Column, place: Place, calls: readonly string[]): Plan[] {
  const plans: Plan[] = [];
  for (const [nth, call] of calls.entries()) {
    if (column.calls?.test(call) === false || (place.kind !== 'aws' && call.startsWith('ecs:'))) continue;
    for (const [kind, fault] of FAULTS.entries()) {
      // A record is a file, and a token that is kept is of use to a process that was killed.
      if (!isKill(fault) && (call.startsWith('record:') || column.late)) continue;
      const turn = (nth + kind) % 2 === 0;
      const ways = isKill(fault) ? [false] : CHANGING.test(call) ? [false, true] : [turn];
      for (const lasting of ways) {
        const verb = ((nth >> 1) + kind + Number(lasting)) % 2 === 0 ? 'resume' : 'rotate';
        const verbs: Verb[] = column.late ? ['resume', 'rotate'] : [verb];
        plans.push(...verbs.map((one) => ({ trap: { call, fault, lasting }, verb: one })));
      }
    }
  }
  return plans;
}

/** Every call of a run without a fault, which ends well. */
export async function callsOf(column: Column, place: Place, wire: Wire): Promise<string[]> {
  const cell = await openCell(column, place, wire);
  try {
    const { outcome, calls } = await cell.run('rotate');
    assert.equal(doneOf(outcome).outcome, 'rotated');
    await cell.assertSound('without a fault');
    return calls;
  } finally {
    await cell.close();
  }
}

/**
 * Play a cell: a rotation meets its fault, is taken up again, and has to end well.
 * @returns whether it was one that only ends well with what helps from outside, which was told and then done
 * @throws AssertionError
 */
export async function play(column: Column, place: Place, wire: Wire, plan: Plan): Promise<boolean> {
  const when = planText(plan);
  const cell = await openCell(column, place, wire);
  try {
    const { outcome, met } = await cell.run('rotate', plan.trap);
    assert.ok(met > 0, `${when}: there is such a call`);
    if (outcome.kind === 'failed') await assertTold(cell, outcome.error, when);
    assert.equal(outcome.kind === 'killed', isKill(plan.trap.fault), when);
    cell.found();
    const helped = outcome.kind !== 'done' && (await goOn(column, cell, plan.verb, when));
    await cell.assertSound(when);
    return helped;
  } finally {
    await cell.close();
  }
}

/** A process that could still speak has said how to go on. */
async function assertTold(cell: Cell, error: unknown, when: string): Promise<void> {
  assert.ok(error instanceof JamfMcpError && error.code !== 'BUG', `${when}: ${String(error)}`);
  if ((await holderOf(cell, AWSPENDING)) === null) return;
  assert.equal(error.code, 'PARTIAL', `${when}: ${error.message}`);
  assert.match(error.hint ?? '', /go on with: jamf-mcp rotate resume/, when);
}

async function goOn(column: Column, cell: Cell, verb: Verb, when: string): Promise<boolean> {
  const second = (await cell.run(verb)).outcome;
  if (second.kind === 'failed' && (isRolledBack(second.error) || isRepetition(column, second.error))) return false;
  if (second.kind === 'failed' && column.late) {
    await assertLost(cell, column.late, second.error, when);
    await repair(column.late, cell, verb, when);
    return true;
  }
  if (doneOf(second, when).outcome === 'nothing') await startOver(cell, when);
  return false;
}

/** Where nothing is to be finished, either all was done, or nothing at all: then the same command does it. */
async function startOver(cell: Cell, when: string): Promise<void> {
  if ((await cell.records()) > 0) return;
  const stages = Object.entries(await cell.stages()).filter(([, labels]) => labels.some((label) => label !== CLAIM));
  assert.deepEqual(stages, [[SEEDED_VERSION, [AWSCURRENT]]], `${when}: nothing was changed`);
  const again = await cell.run('rotate');
  assert.equal(doneOf(again.outcome, when).outcome, 'rotated', when);
}

/** Means nothing by itself: which version carries it is of no account. */
const CLAIM = 'JAMFMCPROTATION';

const isRolledBack = (error: unknown) =>
  error instanceof JamfMcpError && error.code === 'REMOTE_FAILED' && error.message.includes('everything was put back');

/** A person gives a value once: it is in use where the first run did everything and only its last answer was lost. */
const isRepetition = ({ repeated }: Column, error: unknown) =>
  error instanceof JamfMcpError && error.code === 'INPUT_INVALID' && repeated?.test(error.message) === true;

/** The only value that worked was made, and lost with the process: nothing here can make another. It is told what can. */
async function assertLost(cell: Cell, { hint }: Late, error: unknown, when: string): Promise<void> {
  assert.ok(error instanceof JamfMcpError, `${when}: ${String(error)}`);
  assert.equal(error.code, 'CREDENTIALS_REFUSED', `${when}: ${error.message}`);
  assert.match(error.message, /; nothing was changed$/, when);
  assert.match(error.hint ?? '', hint, when);
  assert.equal(await holderOf(cell, AWSCURRENT), SEEDED_VERSION, `${when}: what is current stays so`);
  assert.notEqual(await holderOf(cell, AWSPENDING), null, `${when}: it stays open until it is repaired`);
}

/** What was told: a rotator where the same command is repeated, a value of a person where it is taken up. */
async function repair(late: Late, cell: Cell, verb: Verb, when: string): Promise<void> {
  if (verb === 'rotate') {
    doneOf((await cell.run('rotate', null, { rotators: late.rotators(cell.sandbox) })).outcome, when);
    return;
  }
  const made = 'EXAMPLE-value-that-a-person-made';
  late.byHand(cell.sandbox, made);
  await cell.store(made);
  doneOf((await cell.run('resume')).outcome, when);
}

async function holderOf(cell: Cell, label: string): Promise<string | null> {
  return Object.entries(await cell.stages()).find(([, labels]) => labels.includes(label))?.[0] ?? null;
}

function doneOf(outcome: Outcome<RotateResult>, when = ''): RotateResult {
  if (outcome.kind === 'done') return outcome.result;
  const why = outcome.kind === 'failed' && outcome.error instanceof Error ? outcome.error.stack : outcome.kind;
  assert.fail(`${when}: it does not end well: ${String(why)}`);
}

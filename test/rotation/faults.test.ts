import assert from 'node:assert/strict';
import type { ErrorCode } from '../../src/lib/errors.ts';
import type { RotateResult } from '../../src/lib/rotation/rotate.ts';
import { AWSCURRENT, versionWith } from '../../src/lib/secrets/store.ts';
import {
  assertSound,
  currentValue,
  KINDS,
  NAME,
  rotationWorld,
  type Fault,
  type Kind,
  type World,
} from '../support/rotation-world.ts';
import { describeLong } from '../support/long.ts';

/** How a call fails: the process is killed, or the error that comes back. */
const FAULTS: readonly (ErrorCode | 'killed')[] = ['killed', 'UNREACHABLE', 'THROTTLED', 'REMOTE_FAILED'];

/** Something that is done to a world, and what has to be true of it in the end. */
interface Story {
  what: string;
  kinds: readonly Kind[];
  make: (kind: Kind) => Promise<World>;
  act: (it: World) => Promise<RotateResult>;
  /** No service is redeployed, so tasks keep what they have. */
  tasksStay?: boolean;
}

const STORIES: readonly Story[] = [
  { what: 'a rotation', kinds: KINDS, make: (kind) => rotationWorld(kind), act: (it) => it.rotate() },
  {
    what: 'a rotation without a deployment',
    kinds: KINDS,
    make: (kind) => rotationWorld(kind, { ecs: false }),
    act: (it) => it.rotate(),
    tasksStay: true,
  },
  {
    what: 'a rotation whose deployment fails',
    kinds: KINDS,
    make: async (kind) => {
      const it = await rotationWorld(kind);
      it.deployments = ['failed'];
      return it;
    },
    act: (it) => it.rotate(),
  },
  {
    what: 'an undo',
    kinds: ['alternate', 'drafted', 'here'],
    make: async (kind) => {
      const it = await rotationWorld(kind);
      await it.rotate();
      it.records.length = 0;
      return it;
    },
    act: (it) => it.undo(),
  },
];

/** Type what the tool says is to be typed next, until nothing is left to do. */
async function goOn(it: World, when: string): Promise<void> {
  for (let round = 1; round <= 4; round += 1) {
    it.fault = null;
    const outcome = await it.resume().catch((error: unknown) => error);
    if (!(outcome instanceof Error) && (outcome as RotateResult).outcome === 'nothing') return;
  }
  assert.fail(`${when}: it never comes to an end`);
}

/** Whatever was interrupted has come to a good end, with a record of it. */
async function check({ act, tasksStay }: Story, it: World, first: string, when: string): Promise<void> {
  await goOn(it, when);
  const current = versionWith(await it.store.describe(NAME), AWSCURRENT);
  if (current !== first) assert.notEqual(it.records.length, 0, `${when}: what was changed has a record`);
  // A process that was killed before its claim has left nothing: the same command begins anew.
  if (it.records.length === 0) {
    await act(it).catch(() => undefined);
    await goOn(it, when);
  }
  if (tasksStay) it.tasks = await currentValue(it);
  await assertSound(it, when);
  assert.notEqual(it.records.length, 0, `${when}: there is a record`);
}

/** Every call of a run, as {@link Fault.call} names it. */
function numbered(calls: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return calls.map((call) => {
    seen.set(call, (seen.get(call) ?? 0) + 1);
    return `${call} ${String(seen.get(call))}`;
  });
}

const killed = (call: string, when: Fault['when']): Fault => ({ call, when, error: 'BUG', killed: true });

describeLong('a fault at every call of a rotation, then resume', function () {
  this.timeout(60_000);
  let cells = 0;
  after(() => {
    console.log(`    ${String(cells)} cells`);
  });
  for (const story of STORIES) {
    const { what, kinds, make, act } = story;
    for (const kind of kinds) {
      const callsOf = async (it: World, work: () => Promise<unknown>) => {
        await work().catch(() => undefined);
        return numbered(it.calls);
      };
      const firstOf = async (it: World) => versionWith(await it.store.describe(NAME), AWSCURRENT) ?? '';

      it(`${what}, ${kind}`, async () => {
        const whole = await make(kind);
        const calls = await callsOf(whole, () => act(whole));
        assert.ok(calls.length > 8, calls.join(', '));
        for (const call of calls) {
          for (const when of ['before', 'after'] as const) {
            for (const fault of FAULTS) {
              cells += 1;
              const it = await make(kind);
              const first = await firstOf(it);
              it.fault = fault === 'killed' ? killed(call, when) : { call, when, error: fault, killed: false };
              await act(it).catch(() => undefined);
              await check(story, it, first, `${fault} ${when} ${call}`);
            }
          }
        }
      });

      it(`${what}, ${kind}, killed once more while it is resumed`, async () => {
        const whole = await make(kind);
        for (const call of await callsOf(whole, () => act(whole))) {
          for (const when of ['before', 'after'] as const) {
            const halfway = async () => {
              const it = await make(kind);
              const first = await firstOf(it);
              it.fault = killed(call, when);
              await act(it).catch(() => undefined);
              it.fault = null;
              return { it, first };
            };
            const resumed = await halfway();
            for (const second of await callsOf(resumed.it, () => resumed.it.resume())) {
              for (const side of ['before', 'after'] as const) {
                cells += 1;
                const { it, first } = await halfway();
                it.fault = killed(second, side);
                await it.resume().catch(() => undefined);
                await check(story, it, first, `killed ${when} ${call}, then ${side} ${second} of the resumption`);
              }
            }
          }
        }
      });
    }
  }
});

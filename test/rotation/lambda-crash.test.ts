import assert from 'node:assert/strict';
import type { Issuer } from '../../src/lib/rotation/issuer.ts';
import type { Choice } from '../../src/lib/rotation/lambda.ts';
import { rotationStep } from '../../src/lib/rotation/lambda-steps.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretStore } from '../../src/lib/secrets/store.ts';
import { withPartner } from '../support/jamf-clients.ts';
import { SECRET, seedSecret, storeOf } from '../support/rotation.ts';
import { announce, AUTH0_CHOICE, CHOICE, issuerOf, stepEvent, STEPS } from '../support/rotation-function.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox, type TestSandbox } from '../support/sandbox.ts';

const TOKEN = '11111111-1111-4111-8111-111111111111';

/** How often Secrets Manager calls a step again that failed. */
const ATTEMPTS = 3;

/** Calls of the longest rotation, and some more. */
const MOST_CALLS = 30;

/** Where an invocation dies: at the n-th call of the rotation, before it is made or when its answer is lost. */
interface Death {
  side: 'before' | 'after';
  at: number;
}

interface Kind {
  name: string;
  choice: Choice;
  prepare?: (sandbox: TestSandbox) => void;
}

const KINDS: readonly Kind[] = [
  { name: 'single, the client mints for itself', choice: { ...CHOICE, strategy: 'single' } },
  { name: 'alternate', choice: { ...CHOICE, strategy: 'alternate' }, prepare: withPartner },
  { name: 'Auth0, stored before it is told', choice: AUTH0_CHOICE },
];

describe('the rotation function, killed', function () {
  this.timeout(120_000);
  const sandbox = withSandbox();
  let cells = 0;
  after(() => {
    console.log(`    ${String(cells)} cells: each call of each strategy, killed before and after it`);
  });

  /** A process that dies at one call, and makes no call after that. */
  function mortal(death: Death | null) {
    let seen = 0;
    let dead = false;
    const watched = <T extends object>(target: T): T =>
      new Proxy(target, {
        get(object, name) {
          const value: unknown = Reflect.get(object, name);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]): Promise<unknown> => {
            if (dead) throw new Error('killed');
            seen += 1;
            const here = death !== null && seen === death.at;
            dead = here && death.side === 'before';
            if (dead) throw new Error('killed');
            try {
              return await Reflect.apply(value, object, args);
            } finally {
              dead = here;

              if (dead) throw new Error('killed');
            }
          };
        },
      });
    return { watched, seen: () => seen, died: () => dead };
  }

  /** Play Secrets Manager: each step in its order, called again where it failed, in a new process after a death. */
  async function rotate(choice: Choice, death: Death | null): Promise<{ calls: number; died: boolean }> {
    const context = contextIn(sandbox());
    let process = mortal(death);
    const first = process;
    for (const name of STEPS) {
      for (let attempt = 1; ; attempt += 1) {
        const { watched, died } = process;
        const store: SecretStore = watched(storeOf(context));
        const issuer = async (): Promise<Issuer> => watched(await issuerOf(choice, context));
        const by = { user: `${name} ${String(attempt)}`, host: 'rotate', pid: 0 };
        try {
          await rotationStep(stepEvent(sandbox(), name, TOKEN), { store, issuer, context, by });
          break;
        } catch (error) {
          if (!died() || attempt === ATTEMPTS) throw error;
          process = mortal(null);
        }
      }
    }
    return { calls: first.seen(), died: first.died() };
  }

  async function fresh(kind: Kind): Promise<SandboxContext> {
    const context = contextIn(sandbox());
    kind.prepare?.(sandbox());
    await seedSecret(sandbox(), context);
    announce(sandbox(), TOKEN);
    return context;
  }

  async function assertSound(kind: Kind, context: SandboxContext, when: string): Promise<void> {
    const store = storeOf(context);
    const info = await store.describe(SECRET);
    const holders = Object.values(info.stages).filter((labels) => labels.includes(AWSCURRENT));
    assert.equal(holders.length, 1, when);
    assert.equal(versionWith(info, AWSCURRENT), TOKEN, when);
    assert.equal(versionWith(info, AWSPENDING), TOKEN, when);
    const { fields } = await store.read(SECRET, { stage: AWSCURRENT });
    assert.deepEqual([...fields.keys()], Object.keys(sandbox().fields), when);
    const issuer = await issuerOf(kind.choice, context);
    assert.equal(await issuer.accepts?.(fields), true, `${when}: the value in use is accepted`);
    for (const [name, value] of Object.entries(sandbox().fields)) {
      const replaced =
        kind.choice.issuer === 'jamf' ? name.startsWith('JAMF_CLIENT') : kind.choice.fields.includes(name);
      if (!replaced) assert.equal(fields.get(name)?.reveal(), value, `${when}: ${name}`);
    }
  }

  for (const kind of KINDS) {
    describe(kind.name, () => {
      let calls = 0;
      it('gets through without a fault', async () => {
        const context = await fresh(kind);
        ({ calls } = await rotate(kind.choice, null));
        assert.ok(calls >= 15, String(calls));
        await assertSound(kind, context, 'no fault');
      });

      for (const side of ['before', 'after'] as const) {
        // One sandbox a cell, and as many cells as there are calls: known only when the first test has run.
        for (let at = 1; at <= MOST_CALLS; at += 1) {
          it(`call ${String(at)}, ${side}`, async function () {
            if (at > calls) return;
            const context = await fresh(kind);
            const { died } = await rotate(kind.choice, { side, at });
            assert.ok(died, 'it was killed');
            await assertSound(kind, context, `killed ${side} call ${String(at)}`);
            cells += 1;
          });
        }
        it(`there are no more calls than that (${side})`, () => {
          assert.ok(calls <= MOST_CALLS, String(calls));
        });
      }
    });
  }
});

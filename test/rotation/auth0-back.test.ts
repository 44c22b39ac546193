/** Going back, and giving up, where only the application itself can tell Auth0 which of its secrets counts. */
import assert from 'node:assert/strict';
import { auth0Issuer } from '../../src/lib/rotation/issuers/auth0.ts';
import type { RotateInput, RotateResult } from '../../src/lib/rotation/work.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretStore } from '../../src/lib/secrets/store.ts';
import { memoryRecorder, runsIn, SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { failureOf } from '../support/rotation-world.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';

const FIELD = 'AUTH0_CLIENT_SECRET';

describe('a rotation of the Auth0 secret without a rotator', function () {
  this.timeout(20_000);
  const sandbox = withSandbox();
  let context: SandboxContext;
  let memory: ReturnType<typeof memoryRecorder>;
  /** The call after which the process is killed, or before which: `put 2`, `AWSCURRENT 1`, `before AWSCURRENT`. */
  let kill: string | null;
  let mode: 'patch' | 'rotate-secret';

  beforeEach(async () => {
    kill = null;
    mode = 'patch';
    memory = memoryRecorder();
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
  });

  const own = () => {
    const { client, clients } = sandbox().auth0;
    return clients.find(({ clientId }) => clientId === client.clientId) ?? client;
  };

  /** Nothing that is asked of the store after the killing is done any more. */
  function mortal(store: SecretStore): SecretStore {
    let dead = false;
    const seen: string[] = [];
    const die = () => {
      if (dead) throw new Error('killed');
    };
    const mark = (name: string) => {
      seen.push(name);
      dead ||= kill === `${name} ${String(seen.filter((one) => one === name).length)}`;
      die();
    };
    return {
      ...store,
      read: (name, ref) => (die(), store.read(name, ref)),
      async put(name, fields, options) {
        die();
        const done = await store.put(name, fields, options);
        mark('put');
        return done;
      },
      async moveLabel(name, label, from, to) {
        dead ||= kill === `before ${label}`;
        die();
        await store.moveLabel(name, label, from, to);
        mark(label);
      },
    };
  }

  const through =
    (verb: 'rotate' | 'resume' | 'abort' | 'undo') =>
    (options: Partial<RotateInput> = {}): Promise<RotateResult> => {
      context = contextIn(sandbox());
      return runsIn(context, { rotator: null, memory })[verb]({
        openStore: (held) => Promise.resolve(mortal(storeOf(held))),
        issuers: () => Promise.resolve((held) => auth0Issuer(null, held, { mode })),
        choice: { issuer: 'auth0', fields: [FIELD], strategy: null, mode },
        ecs: null,
        ...options,
      });
    };
  const [rotate, resume, abort, undo] = [through('rotate'), through('resume'), through('abort'), through('undo')];

  const killed = async (work: () => Promise<unknown>, at: string) => {
    kill = at;
    await assert.rejects(work());
    kill = null;
  };

  /** One version is current, nothing pending, and Auth0 accepts its secret. */
  async function assertSound(versionId: string | null): Promise<void> {
    const info = await storeOf(context).describe(SECRET);
    assert.deepEqual([versionWith(info, AWSCURRENT), versionWith(info, AWSPENDING)], [versionId, null]);
    const { fields } = await storeOf(context).read(SECRET, { stage: AWSCURRENT });
    assert.equal(own().clientSecret, fields.get(FIELD)?.reveal());
  }

  for (const way of ['patch', 'rotate-secret'] as const) {
    describe(way, () => {
      beforeEach(() => {
        mode = way;
      });

      it('is undone: Auth0 accepts the value before, and then it is current', async () => {
        await rotate();
        const undone = await undo();
        assert.equal(undone.outcome, 'undone');
        assert.deepEqual(
          undone.steps.map(({ name }) => name),
          ['preflight', 'claim', 'revert', 'back', 'redeploy', 'reverify', 'record', 'clean'],
        );
        await assertSound(SEEDED_VERSION);
      });

      it('is undone from promoted, which abort recommends', async () => {
        await killed(rotate, 'AWSCURRENT 1');
        assert.match((await failureOf(abort())).hint ?? '', /jamf-mcp rotate undo$/);
        assert.equal((await undo()).outcome, 'undone');
        await assertSound(SEEDED_VERSION);
      });

      for (const [verb, next] of [
        ['resume', resume],
        ['undo', undo],
      ] as const) {
        for (const at of ['before AWSCURRENT', 'AWSCURRENT 1']) {
          it(`an undo that was killed at ${at} comes to its end with ${verb}`, async () => {
            await rotate();
            await killed(undo, at);
            assert.equal((await next()).outcome, 'undone');
            await assertSound(SEEDED_VERSION);
          });
        }
      }

      it('an undo that was killed once Auth0 was told is given up: Auth0 accepts the newer value again', async () => {
        const { versionId } = await rotate();
        await killed(undo, 'before AWSCURRENT');
        assert.equal((await abort()).outcome, 'withdrawn');
        await assertSound(versionId);
      });

      it('goes on after an undo of what was not finished, killed once Auth0 was told', async () => {
        await killed(rotate, 'AWSCURRENT 1');
        await killed(undo, 'before AWSCURRENT');
        assert.equal((await resume()).outcome, 'resumed');
        const info = await storeOf(context).describe(SECRET);
        await assertSound(versionWith(info, AWSCURRENT));
      });

      it('is given up once Auth0 has the new value', async () => {
        await killed(rotate, way === 'patch' ? 'before AWSCURRENT' : 'put 2');
        assert.notEqual(own().clientSecret, sandbox().fields[FIELD]);
        assert.equal((await abort()).outcome, 'withdrawn');
        await assertSound(SEEDED_VERSION);
      });
    });
  }

  it('is given up with the kept token, where the value that Auth0 made was lost', async () => {
    mode = 'rotate-secret';
    await killed(rotate, 'AWSPENDING 1');
    own().clientSecret = 'EXAMPLE-made-and-lost-by-a-crash';
    assert.equal((await abort()).outcome, 'withdrawn');
    await assertSound(SEEDED_VERSION);
  });

  it('is not undone where nothing at hand is accepted: nothing is changed', async () => {
    const { versionId } = await rotate();
    own().clientSecret = 'EXAMPLE-changed-in-the-dashboard';
    sandbox().clock.advance(2 * 86_400_000);
    const error = await failureOf(undo());
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.message, /cannot be told to accept the value before again \(.*nothing was changed$/);
    const info = await storeOf(context).describe(SECRET);
    assert.deepEqual([versionWith(info, AWSCURRENT), versionWith(info, AWSPENDING)], [versionId, null]);
  });
});

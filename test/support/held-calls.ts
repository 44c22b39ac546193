/** Holds a call at a sandbox: its caller never gets an answer, so that it can be killed at that very moment. */
import type { Sandbox } from '../../src/lib/sandbox/index.ts';
import type { PlainRequest, PlainResponse } from '../../src/lib/sandbox/service.ts';

/** The call to hold, as the sandbox counts them from now on. */
export interface HeldCall {
  /** `secretsmanager:PutSecretValue`, `jamf:POST /api/oauth/token` */
  name: string;
  nth: number;
  /** Whether it has taken effect by then. */
  when: 'before' | 'after';
}

/**
 * Hold one call; those before it are answered, those after it too.
 * @returns resolved when it is held
 */
export function hold(sandbox: Sandbox, { name, nth, when }: HeldCall): Promise<void> {
  return new Promise((held) => {
    let seen = 0;
    /** Whether this is the call; it then never comes back. */
    const meet = async (side: HeldCall['when']): Promise<void> => {
      if (side === 'before') seen += 1;
      if (side !== when || seen !== nth) return;
      seen += 1;
      held();
      await new Promise(() => {
        // Its caller is killed.
      });
    };
    const [service, operation] = [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)];
    if (service === 'jamf' || service === 'auth0') {
      const plain = sandbox[service];
      const handle = plain.handle.bind(plain);
      Object.assign(plain, {
        async handle(request: PlainRequest): Promise<PlainResponse> {
          if (`${request.method} ${request.path}` !== operation) return handle(request);
          await meet('before');
          const answer = await handle(request);
          await meet('after');
          return answer;
        },
      });
      return;
    }
    const handlers = sandbox.aws[service]?.handlers;
    const handler = handlers?.[operation];
    if (!handlers || !handler) throw new Error(`the sandbox has no ${name}`);
    handlers[operation] = async (input, call) => {
      await meet('before');
      const output: unknown = await handler(input, call);
      await meet('after');
      return output;
    };
  });
}

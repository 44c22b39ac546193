import { fakeClock } from '../../support/context.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { storeContract } from '../contract.ts';

describe('store contract: in memory', () => {
  storeContract(() => {
    const clock = fakeClock();
    return Promise.resolve({
      store: memoryStore({ now: () => clock.now(), kind: 'local' }),
      advance: (ms) => {
        clock.advance(ms);
      },
    });
  });
});
